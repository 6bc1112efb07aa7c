#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "config/files.h"
#include "config/parser.h"

namespace tombo::config {

enum class Action : uint8_t {
  run,
  test_config,      ///< Load, try what a start needs, say kConfigurationIsFine and exit with 0.
  check_migration,  ///< Print migration_report() and exit with 0, or 3 when it is not startable.
  show_help,        ///< Print help_text() and exit with help_exit_status().
  show_version,     ///< Print the version and exit with 0.
};

inline constexpr std::string_view kConfigurationIsFine = "Configuration file is OK.";

/// What the user wrote behind `tombo`.
struct CommandLine {
  Action action = Action::run;
  std::optional<std::string> config_file;
  bool daemon = false;
  bool verbose = false;
  bool quiet = false;
  std::vector<uint16_t> ports;
  std::optional<Compatibility> compatibility;
  std::optional<uint32_t> threads;
  std::string tls_keylog;  ///< Empty: not given.
};

/// The environment variables that matter, read by the caller.
struct Environment {
  std::optional<std::string> compatibility;           ///< TOMBO_COMPATIBILITY
  std::optional<std::string> persistence_location{};  ///< MOSQUITTO_PERSISTENCE_LOCATION
};

/// `arguments` without the name of the program. The text of an error may have several lines, its
/// code is the exit status. With -h and --version what follows is not looked at.
Result<CommandLine> parse_command_line(std::span<const char* const> arguments);

/// The same file for a report; see ParseSettings::survey.
Result<ParseOutcome> load(Files& files, const CommandLine& line, const Environment& environment,
                          Survey& survey);

/// Reads the configuration file, if there is one, and applies command line and environment. Reading
/// it again on SIGHUP is the same call.
/// ```
/// Result<CommandLine> line = parse_command_line(std::span(argv + 1, argv + argc));
/// ...
/// DiskFiles files;
/// Result<ParseOutcome> outcome = load(files, *line, environment);
/// ```
Result<ParseOutcome> load(Files& files, const CommandLine& line, const Environment& environment);

std::string help_text(std::string_view version);
/// 2.0 exits with 3 after -h, 2.1 with 0.
int help_exit_status(const CommandLine& line, const Environment& environment);

}  // namespace tombo::config
