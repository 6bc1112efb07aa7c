#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/proxy_protocol.h"
#include "net/transport.h"

namespace tombo::net {

/// What a listener asks of PROXY headers.
struct ProxySettings {
  ProxyVersion version = ProxyVersion::v1;
  bool require_tls = false;          ///< Version 2: the client must speak TLS with the proxy.
  bool require_certificate = false;  ///< Version 2: the proxy must have verified its certificate.
};

/// A connection that begins with a PROXY header; behind it, it is what its maker makes of the rest.
/// Not a byte beyond the header is taken off the socket before.
/// Home: as any Transport, one shard at a time.  Bound: kProxyV1BytesMax or kProxyV2BytesMax until
/// the header is whole, then the common name. The time for it is bounded by whoever waits for the
/// first packet.
class ProxyTransport final : public Transport {
 public:
  /// Makes the transport of the bytes behind the header.
  using MakeNext = std::function<std::unique_ptr<Transport>(Socket)>;

  /// `peer` is the proxy: the address of a client that it does not name.
  /// Requires: a connected socket that does not block.
  ProxyTransport(Socket socket, std::string peer, ProxySettings settings, MakeNext make_next);

  [[nodiscard]] int descriptor() const override;
  /// Requires: room for kProxyV2BytesMax.
  [[nodiscard]] IoResult read(std::span<uint8_t> into) override;
  [[nodiscard]] IoResult write(std::span<const iovec> slices) override;
  [[nodiscard]] Socket finish() override;
  [[nodiscard]] bool wants_write() const override;
  [[nodiscard]] IoResult flush() override;
  [[nodiscard]] bool is_opening() const override;
  [[nodiscard]] std::string_view why_failed() const override;
  [[nodiscard]] std::optional<std::string> take_client_address() override;
  /// As the proxy says, or, when the client's own TLS goes through it, that of the TLS.
  [[nodiscard]] std::optional<std::string> peer_name(PeerName which) const override;

  [[nodiscard]] std::string agreement() const override {
    return next_ ? next_->agreement() : std::string();
  }

  [[nodiscard]] std::string_view forwarded_for() const override {
    return next_ ? next_->forwarded_for() : std::string_view();
  }

 private:
  IoResult read_header(std::span<uint8_t> into);
  IoResult read_after_refusal(std::span<uint8_t> into);
  [[nodiscard]] std::string_view find_fault(const ProxyHeader& header) const;
  IoResult fail_with(std::string text);

  Socket socket_;  // Until `next_` has it.
  ProxySettings settings_;
  MakeNext make_next_;
  std::unique_ptr<Transport> next_;  // Null: the header is not whole.
  std::vector<uint8_t> bytes_;       // Of the header, as far as they have come.
  std::string address_;
  bool has_news_ = false;  // take_client_address() has not been asked since the header was read.
  std::string common_name_;
  std::string refusal_;  // Of a connection of the proxy's own, should it send anything.
  std::string failure_;
};

}  // namespace tombo::net
