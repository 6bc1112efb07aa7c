#pragma once

#include "tools/client_options.h"

namespace tombo::tools {

/// tombo_sub: connects, subscribes, and prints what comes until it is told to end. Gives the exit
/// status.
int run_subscriber(const ClientOptions& options);

}  // namespace tombo::tools
