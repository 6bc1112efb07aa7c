#pragma once

#include <utility>

#include "client/stream.h"
#include "client/waiting.h"
#include "net/socket.h"

namespace tombo::client {

/// A connected socket that does not block, and is closed with it.
class SocketStream final : public Stream {
 public:
  explicit SocketStream(net::Socket socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int descriptor() const override { return socket_.descriptor(); }

  [[nodiscard]] Moved read(std::span<uint8_t> into) override;
  [[nodiscard]] Moved write(std::span<const uint8_t> bytes) override;

 private:
  net::Socket socket_;
};

/// Connects to the first address of the target that answers, through its proxy if it has one.
Opened open_socket(const Target& target, const Patience& patience);

/// Asks the proxy at the other end of `stream` for a connection (RFC 1928, RFC 1929).
Error ask_proxy(Stream& stream, const Target& target, const Patience& patience);

}  // namespace tombo::client
