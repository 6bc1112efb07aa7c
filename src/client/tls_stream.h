#pragma once

#include <memory>

#include "client/stream.h"
#include "client/waiting.h"

namespace tombo::client {

/// Shakes hands over `below` and checks who answers. The error says what is wrong with the files,
/// the handshake or the broker's certificate.
Opened open_tls(std::unique_ptr<Stream> below, const Target& target, const Patience& patience);

}  // namespace tombo::client
