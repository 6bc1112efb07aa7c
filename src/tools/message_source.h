#pragma once

#include <optional>
#include <string>

#include "tools/client_options.h"

namespace tombo::tools {

/// The payload that the options tell of, unless it comes line by line: read from a file or standard
/// input. Nullopt: it cannot be read, and the user has been told why.
std::optional<std::string> read_payload(const ClientOptions& options);

}  // namespace tombo::tools
