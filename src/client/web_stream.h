#pragma once

#include <memory>

#include "client/stream.h"
#include "client/waiting.h"

namespace tombo::client {

/// Asks for a WebSocket over `below` (RFC 6455); MQTT goes in binary frames of any size.
Opened open_web_socket(std::unique_ptr<Stream> below, const Target& target,
                       const Patience& patience);

}  // namespace tombo::client
