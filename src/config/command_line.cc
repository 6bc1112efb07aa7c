#include "config/command_line.h"

#include <cstddef>
#include <utility>

#include <fmt/core.h>

#include "config/setters.h"
#include "config/values.h"

namespace tombo::config {
namespace {

/// The arguments still to be read.
class Arguments {
 public:
  explicit Arguments(std::span<const char* const> arguments) : rest_(arguments) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  std::string_view next() {
    const std::string_view first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }

  /// The value of an option; the error says what is missing.
  Result<std::string> value_of(std::string_view option, std::string_view what) {
    if (!rest_.empty()) return std::string(next());
    return fault(fmt::format("Error: {} argument given, but no {} specified.", option, what));
  }

 private:
  std::span<const char* const> rest_;
};

Result<void> on_config_file(CommandLine& line, Arguments& arguments) {
  Result<std::string> path = arguments.value_of("-c", "config file");
  if (!path) return path.error();
  if (line.config_file) return fault("Error: -c argument given more than once.");
  line.config_file = std::move(*path);
  return {};
}

Result<void> on_port(CommandLine& line, Arguments& arguments) {
  if (line.ports.size() == kCommandLinePortsMax) {
    return fault(fmt::format("Error: Only {} ports can be specified on the command line.",
                             kCommandLinePortsMax));
  }
  const Result<std::string> word = arguments.value_of("-p", "port");
  if (!word) return word.error();
  const int64_t port = leading_number(*word);
  if (port < 1 || port > 65535) {
    return fault(fmt::format("Error: Invalid port specified ({}).", port));
  }
  line.ports.push_back(static_cast<uint16_t>(port));
  return {};
}

Result<void> on_compatibility(CommandLine& line, Arguments& arguments) {
  const Result<std::string> word = arguments.value_of("--compatibility", "generation");
  if (!word) return word.error();
  line.compatibility = compatibility_named(*word);
  if (!line.compatibility) {
    return fault(
        fmt::format("Error: Invalid compatibility specified ({}), it is 2.0 or 2.1.", *word));
  }
  return {};
}

Result<void> on_threads(CommandLine& line, Arguments& arguments) {
  const Result<std::string> word = arguments.value_of("--threads", "number");
  if (!word) return word.error();
  const int64_t threads = leading_number(*word);
  if (threads < 0 || threads > kThreadsMax) {
    return fault(fmt::format("Error: Invalid threads specified ({}).", threads));
  }
  line.threads = static_cast<uint32_t>(threads);
  return {};
}

Result<void> on_tls_keylog(CommandLine& line, Arguments& arguments) {
  Result<std::string> path = arguments.value_of("--tls-keylog", "file");
  if (!path) return path.error();
  line.tls_keylog = std::move(*path);
  return {};
}

/// One switch or option with a value. An action other than run ends the reading.
struct Switch {
  std::string_view short_name;
  std::string_view long_name;
  Result<void> (*apply)(CommandLine&, Arguments&);
};

constexpr Switch kSwitches[] = {
    {"-c", "--config-file", &on_config_file},
    {"-p", "--port", &on_port},
    {"", "--compatibility", &on_compatibility},
    {"", "--threads", &on_threads},
    {"", "--tls-keylog", &on_tls_keylog},
    {"-d", "--daemon",
     [](CommandLine& line, Arguments& /*arguments*/) -> Result<void> {
       line.daemon = true;
       return {};
     }},
    {"-v", "--verbose",
     [](CommandLine& line, Arguments& /*arguments*/) -> Result<void> {
       line.verbose = true;
       return {};
     }},
    {"-q", "--quiet",
     [](CommandLine& line, Arguments& /*arguments*/) -> Result<void> {
       line.quiet = true;
       return {};
     }},
    {"", "--check-migration",
     [](CommandLine& line, Arguments& /*arguments*/) -> Result<void> {
       line.action = Action::check_migration;
       return {};
     }},
    {"", "--test-config",
     [](CommandLine& line, Arguments& /*arguments*/) -> Result<void> {
       line.action = Action::test_config;
       return {};
     }},
};

const Switch* find_switch(std::string_view argument) {
  for (const Switch& candidate : kSwitches) {
    if (argument == candidate.long_name) return &candidate;
    if (!candidate.short_name.empty() && argument == candidate.short_name) return &candidate;
  }
  return nullptr;
}

Result<Compatibility> environment_compatibility(const Environment& environment) {
  if (!environment.compatibility || environment.compatibility->empty()) return Compatibility::v2_1;
  const std::optional<Compatibility> named = compatibility_named(*environment.compatibility);
  if (!named) return invalid_value("TOMBO_COMPATIBILITY", *environment.compatibility);
  return *named;
}

void apply(const CommandLine& line, Config& config) {
  if (line.threads) config.threads = *line.threads;
  config.tls_keylog = line.tls_keylog;
  if (line.verbose) config.log.log_type = kLogAll;
  if (!line.quiet) return;
  LogConfig& log = config.log;
  log.log_dest_stderr = log.log_dest_stdout = log.log_dest_syslog = log.log_dest_topic = false;
  log.log_dest_file.clear();
  log.log_type = 0;
}

}  // namespace

Result<CommandLine> parse_command_line(std::span<const char* const> arguments) {
  CommandLine line;
  Arguments rest(arguments);
  while (!rest.empty()) {
    const std::string_view argument = rest.next();
    if (argument == "-h" || argument == "--help") {
      line.action = Action::show_help;
      return line;
    }
    if (argument == "--version") {
      line.action = Action::show_version;
      return line;
    }
    const Switch* found = find_switch(argument);
    if (found == nullptr) {
      return fault(fmt::format("Error: Unknown option '{}'.", argument));
    }
    const Result<void> applied = found->apply(line, rest);
    if (!applied) return applied.error();
  }
  if (line.action == Action::test_config && !line.config_file) {
    return fault("Please provide a configuration file to test.");
  }
  if (line.action == Action::check_migration && !line.config_file) {
    return fault("Please provide a configuration file to check.");
  }
  return line;
}

namespace {

Result<ParseOutcome> load_into(Files& files, const CommandLine& line,
                               const Environment& environment, Survey* survey) {
  const Result<Compatibility> fallback = environment_compatibility(environment);
  if (!fallback) return fallback.error();
  const ParseSettings settings{*fallback, line.compatibility, line.ports, survey};
  Result<ParseOutcome> outcome =
      line.config_file ? parse_file(files, *line.config_file, settings) : parse_nothing(settings);
  if (!outcome) return outcome;
  apply(line, outcome->config);
  if (environment.persistence_location) {
    outcome->config.persistence_location = *environment.persistence_location;
  }
  return outcome;
}

}  // namespace

Result<ParseOutcome> load(Files& files, const CommandLine& line, const Environment& environment) {
  return load_into(files, line, environment, nullptr);
}

Result<ParseOutcome> load(Files& files, const CommandLine& line, const Environment& environment,
                          Survey& survey) {
  return load_into(files, line, environment, &survey);
}

std::string help_text(std::string_view version) {
  return fmt::format(
      "tombo version {}\n"
      "\n"
      "tombo is an MQTT v5.0/v3.1.1/v3.1 broker.\n"
      "\n"
      "Usage: tombo [-c config_file] [-d] [-h] [-p port] [-q | -v]\n"
      "             [--check-migration] [--compatibility 2.0|2.1] [--test-config]\n"
      "             [--threads number] [--tls-keylog file]\n"
      "\n"
      " -c, --config-file FILE : read the configuration from FILE.\n"
      " -d, --daemon : put the broker into the background after starting.\n"
      " -h, --help : display this help.\n"
      " -p, --port PORT : listen on PORT of the loopback addresses, unless the configuration\n"
      "      file defines a listener. Up to {} times.\n"
      " -q, --quiet : log nothing. Overrides -v and the configuration file.\n"
      " -v, --verbose : log everything. Overrides log_type in the configuration file.\n"
      " --check-migration : list what would be different from Mosquitto with the file given with\n"
      "      -c, then exit with 0, or with 3 when the broker would not start with it.\n"
      " --compatibility 2.0|2.1 : behave as this generation of Mosquitto. Overrides the\n"
      "      configuration file and the environment variable TOMBO_COMPATIBILITY.\n"
      " --test-config : check the file given with -c and what it names (files, ports, the user),\n"
      "      then exit with 0 or 3.\n"
      " --threads NUMBER : threads that serve clients, at most {}; 0 is one a core.\n"
      " --tls-keylog FILE : append the secrets of TLS connections to FILE, so that Wireshark can\n"
      "      read what was captured. Whoever has the file can read it, too.\n"
      " --version : display the version.\n",
      version, kCommandLinePortsMax, kThreadsMax);
}

int help_exit_status(const CommandLine& line, const Environment& environment) {
  const Result<Compatibility> fallback = environment_compatibility(environment);
  const Compatibility generation =
      line.compatibility.value_or(fallback ? *fallback : Compatibility::v2_1);
  return generation == Compatibility::v2_0 ? 3 : 0;
}

}  // namespace tombo::config
