#pragma once

#include "tools/client_options.h"

namespace tombo::tools {

/// tombo_rr: subscribes to the response topic, publishes the request, prints the first answer and
/// leaves. Gives the exit status.
int run_requester(const ClientOptions& options);

}  // namespace tombo::tools
