#include "server/transports.h"

#include <utility>

#include "net/proxy_transport.h"
#include "net/tcp.h"
#include "net/tls.h"

namespace tombo::server {
namespace {

std::unique_ptr<net::Transport> above_proxy(net::Socket socket,
                                            const std::shared_ptr<const net::TlsContext>& tls) {
  if (tls != nullptr) return std::make_unique<net::TlsTransport>(std::move(socket), tls);
  return std::make_unique<net::TcpTransport>(std::move(socket));
}

}  // namespace

std::unique_ptr<net::Transport> make_transport(net::Listener::Accepted accepted,
                                               const config::ListenerConfig& listener,
                                               const std::shared_ptr<const net::TlsContext>& tls) {
  if (listener.enable_proxy_protocol == 0) return above_proxy(std::move(accepted.socket), tls);
  const net::ProxySettings settings{
      .version = static_cast<net::ProxyVersion>(listener.enable_proxy_protocol),
      .require_tls = listener.proxy_protocol_v2_require_tls,
      .require_certificate = listener.has_tls_at_proxy() && listener.require_certificate,
  };
  return std::make_unique<net::ProxyTransport>(
      std::move(accepted.socket), std::move(accepted.peer), settings,
      [tls](net::Socket socket) { return above_proxy(std::move(socket), tls); });
}

}  // namespace tombo::server
