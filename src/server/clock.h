#pragma once

#include <chrono>

#include "base/time.h"

namespace tombo::server {

/// Reads both clocks. The one place where time comes from; everybody below is told.
Now read_clock();

/// For how long something takes: the difference of two readings.
std::chrono::nanoseconds read_stopwatch();

}  // namespace tombo::server
