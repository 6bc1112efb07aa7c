#include "tools/client_program.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include <fmt/core.h>

namespace tombo::tools {

int run_client(ClientTool tool, std::span<char* const> arguments, std::string_view introduction,
               int (*run)(const ClientOptions& options)) {
  const char* generation = std::getenv("TOMBO_COMPATIBILITY");
  const bool is_v2_0 = generation != nullptr && std::string_view(generation) == "2.0";
  const Result<ClientOptions> options = parse_client_options(tool, arguments.subspan(1), is_v2_0);
  if (!options) {
    fmt::print(stderr, "Error: {}\n\nUse '{} --help' to see usage.\n", options.error().text,
               name_of(tool));
    return 1;
  }
  for (const std::string& warning : options->warnings) {
    if (!options->quiet) fmt::print(stderr, "Warning: {}\n", warning);
  }
  switch (options->action) {
    case ClientOptions::Action::show_help:
      fmt::print("{}{}", introduction, client_usage(tool));
      return 1;
    case ClientOptions::Action::show_version:
      fmt::print("{0} version {1} running on libmosquitto {1}.\n", name_of(tool),
                 is_v2_0 ? "2.0.22" : "2.1.2");
      return 1;
    case ClientOptions::Action::run:
      break;
  }
  return run(*options);
}

}  // namespace tombo::tools
