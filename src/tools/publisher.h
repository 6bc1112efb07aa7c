#pragma once

#include "tools/client_options.h"

namespace tombo::tools {

/// tombo_pub: connects, publishes what the options say, waits until the broker has it, and leaves.
/// Gives the exit status.
int run_publisher(const ClientOptions& options);

}  // namespace tombo::tools
