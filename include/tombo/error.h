#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tombo/types.h"

namespace tombo::client {

/// Why something did not come about.
enum class ErrorKind : uint8_t {
  none,
  invalid_argument,    ///< a topic, filter, QoS or property that MQTT does not allow
  not_connected,       ///< there is no connection
  refused,             ///< the broker has said no: `reason` is its code
  malformed,           ///< the broker broke the protocol
  too_large,           ///< more than the broker takes (Maximum Packet Size)
  not_supported,       ///< more than the broker offers (QoS, retained messages), or v3 knows
  queue_full,          ///< as much waits as may
  connection_lost,     ///< the connection has ended
  keep_alive_timeout,  ///< the broker has not answered a PINGREQ
  connect_timeout,     ///< the broker has not answered CONNECT
  network,             ///< a name that is not found, a port where nobody listens, ...
  tls,                 ///< certificates, keys, handshakes
  timeout,             ///< no answer came in time
  ended,               ///< the client was told to disconnect, or is gone
  queue_file,          ///< the file of outgoing messages cannot be read or written
};

struct Error {
  ErrorKind kind = ErrorKind::none;
  uint8_t reason = 0;  ///< Reason Code of the broker (v3: return code of CONNACK), if it gave one
  std::string text{};  ///< for a person: "connection refused"
  Properties properties{};  ///< of the broker's CONNACK or DISCONNECT, v5

  /// Is there an error?
  explicit operator bool() const { return kind != ErrorKind::none; }
};

/// The standard's name of a v5 Reason Code, in lower case: "not authorized".
std::string_view reason_name(uint8_t reason);

}  // namespace tombo::client
