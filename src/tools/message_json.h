#pragma once

#include <ctime>
#include <optional>
#include <string>

#include "tombo/types.h"

namespace tombo::tools {

struct JsonForm {
  bool payload_is_json = false;  ///< `%J`: the payload is embedded, not a text
  bool pretty = false;
  bool is_v2_0 = false;
};

/// A message as one JSON object; nullopt: its payload should be JSON, and is not.
std::optional<std::string> message_json(const client::Received& message, const timespec& at,
                                        const JsonForm& form);

/// `%Y-%m-%dT%H:%M:%S` and so on of the local time.
std::string local_time(const char* format, const timespec& at);

}  // namespace tombo::tools
