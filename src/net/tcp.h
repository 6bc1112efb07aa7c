#pragma once

#include "net/transport.h"

namespace tombo::net {

/// A transport that is nothing but a stream socket (16 bytes).
class TcpTransport final : public Transport {
 public:
  /// Requires: a connected socket that does not block.
  explicit TcpTransport(Socket socket);

  [[nodiscard]] int descriptor() const override { return socket_.descriptor(); }

  [[nodiscard]] IoResult read(std::span<uint8_t> into) override;
  [[nodiscard]] IoResult write(std::span<const iovec> slices) override;
  [[nodiscard]] Socket finish() override;

 private:
  Socket socket_;
};

}  // namespace tombo::net
