#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

#include <fmt/core.h>

#include "tools/client_options.h"
#include "tools/publisher.h"

// tombo_pub publishes; mosquitto_pub is what Mosquitto calls it.
namespace tombo::tools {
namespace {

constexpr std::string_view kIntroduction =
    "tombo_pub publishes messages to an MQTT broker and leaves.\n\n"
    "  tombo_pub -t plant/temperature -m 22.5\n"
    "  tombo_pub -h broker.example --cafile ca.crt -u me -P secret -q 1 -t a/b -f file\n"
    "  sensor | tombo_pub -t plant/log -l\n\n";

int run(std::span<char* const> arguments) {
  const char* generation = std::getenv("TOMBO_COMPATIBILITY");
  const bool is_v2_0 = generation != nullptr && std::string_view(generation) == "2.0";
  const Result<ClientOptions> options =
      parse_client_options(ClientTool::pub, arguments.subspan(1), is_v2_0);
  if (!options) {
    fmt::print(stderr, "Error: {}\n\nUse '{} --help' to see usage.\n", options.error().text,
               name_of(ClientTool::pub));
    return 1;
  }
  for (const std::string& warning : options->warnings) {
    if (!options->quiet) fmt::print(stderr, "Warning: {}\n", warning);
  }
  switch (options->action) {
    case ClientOptions::Action::show_help:
      fmt::print("{}{}", kIntroduction, client_usage(ClientTool::pub));
      return 1;
    case ClientOptions::Action::show_version:
      fmt::print("{0} version {1} running on libmosquitto {1}.\n", name_of(ClientTool::pub),
                 is_v2_0 ? "2.0.22" : "2.1.2");
      return 1;
    case ClientOptions::Action::run:
      break;
  }
  return run_publisher(*options);
}

}  // namespace
}  // namespace tombo::tools

int main(int argc, char** argv) {
  return tombo::tools::run({argv, static_cast<size_t>(argc)});
}
