#pragma once

#include "base/time.h"

namespace tombo::server {

/// Reads both clocks. The one place where time comes from; everybody below is told.
Now read_clock();

}  // namespace tombo::server
