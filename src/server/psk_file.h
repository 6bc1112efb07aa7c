#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tombo::server {

/// Identity → key as bytes.
using PskKeys = std::map<std::string, std::string, std::less<>>;

/// Lines "identity:hexkey" as in Mosquitto's psk_file; empty ones and those that begin with # are
/// skipped. The error names `path` and the line.
Result<PskKeys> parse_psk_file(std::string_view text, const std::string& path);

Result<PskKeys> read_psk_file(const std::string& path);

}  // namespace tombo::server
