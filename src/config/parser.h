#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "config/draft.h"
#include "config/files.h"
#include "config/survey.h"

namespace tombo::config {

/// What is decided outside the file.
struct ParseSettings {
  /// Used unless the file has an option `compatibility`.
  Compatibility compatibility = Compatibility::v2_1;
  /// Of the command line: wins over the file.
  std::optional<Compatibility> forced_compatibility = std::nullopt;
  /// -p on the command line: loopback listeners if the file defines none.
  std::vector<uint16_t> ports = {};
  /// Not null: all that the files use and all that is wrong with them goes there, and what is wrong
  /// ends nothing.
  Survey* survey = nullptr;
};

struct ParseOutcome {
  Config config;
  std::vector<Notice> notices;  ///< To be logged once the log is set up, in this order.
};

/// Reads a file in the grammar of mosquitto.conf, and those that its include_dir names.
/// The text of an error has lines for the log: the reason, then "Error found at FILE:LINE.", one
/// for each file on the way. Its code is the exit status: 3, or 1 when a file cannot be read.
/// ```
/// config::DiskFiles files;
/// Result<config::ParseOutcome> outcome = config::parse_file(files, "/etc/tombo.conf", {});
/// if (!outcome) return print(outcome.error().text), outcome.error().code;
/// start(outcome->config);
/// ```
Result<ParseOutcome> parse_file(Files& files, const std::string& path,
                                const ParseSettings& settings);

/// The configuration without a file.
Result<ParseOutcome> parse_nothing(const ParseSettings& settings);

}  // namespace tombo::config
