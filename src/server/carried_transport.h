#pragma once

#include <memory>
#include <utility>

#include "broker/ports/transport_handle.h"
#include "net/transport.h"

namespace tombo::server {

/// A transport on its way from one shard to another, inside the broker's mail.
class CarriedTransport final : public broker::TransportHandle {
 public:
  explicit CarriedTransport(std::unique_ptr<net::Transport> transport)
      : transport_(std::move(transport)) {}

  static std::unique_ptr<broker::TransportHandle> pack(std::unique_ptr<net::Transport> transport) {
    return std::make_unique<CarriedTransport>(std::move(transport));
  }

  /// Requires: `handle` comes from pack(); there is no other kind.
  static std::unique_ptr<net::Transport> unpack(std::unique_ptr<broker::TransportHandle> handle) {
    return std::move(static_cast<CarriedTransport&>(*handle).transport_);
  }

 private:
  std::unique_ptr<net::Transport> transport_;
};

}  // namespace tombo::server
