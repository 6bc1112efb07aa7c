#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.h"
#include "mqtt/reason.h"

namespace tombo::broker {

/// Why a connection ended, as far as the log line distinguishes it.
enum class EndCause : uint8_t {
  normal,            ///< the client sent DISCONNECT
  closed_by_client,  ///< end of file without DISCONNECT
  socket_error,
  timeout,
  taken_over,
  not_authorised,
  bad_user_name_or_password,
  administrative,
  malformed,
  protocol_error,
  oversize,
  receive_maximum,
  topic_alias,
  quota,
  server_busy,
  client_identifier,
  disallowed_feature,
  bad_authentication_method,
  payload_format,
  shutting_down,
  other,
};

/// The cause that goes with a reason code the broker sends.
EndCause cause_of(mqtt::Reason reason);

/// The log line for the end of a connection in Mosquitto's words of either generation: which text,
/// and whether it is an error-level line there. `client` is the client id, or before CONNECT the
/// address (2.1) or "<unknown>" (2.0). Empty: that generation says nothing.
struct EndLine {
  std::string text;
  bool is_error = false;
};

EndLine end_line(config::Compatibility compatibility, EndCause cause, std::string_view client,
                 std::string_view address, std::string_view detail);

}  // namespace tombo::broker
