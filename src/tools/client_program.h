#pragma once

#include <span>
#include <string_view>

#include "tools/client_options.h"

namespace tombo::tools {

/// What is common to the programs of the command line: reads the options, prints help, version and
/// what is wrong, or runs. Gives the exit status.
int run_client(ClientTool tool, std::span<char* const> arguments, std::string_view introduction,
               int (*run)(const ClientOptions& options));

}  // namespace tombo::tools
