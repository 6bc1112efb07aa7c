#include "server/transports.h"

#include <utility>

#include "net/proxy_transport.h"
#include "net/tcp.h"
#include "net/tls.h"
#include "net/websocket.h"

namespace tombo::server {
namespace {

std::unique_ptr<net::Transport> above_proxy(net::Socket socket, const Layers& layers) {
  std::unique_ptr<net::Transport> transport;
  if (layers.tls != nullptr) {
    transport = std::make_unique<net::TlsTransport>(std::move(socket), layers.tls);
  } else {
    transport = std::make_unique<net::TcpTransport>(std::move(socket));
  }
  if (layers.websocket == nullptr) return transport;
  return std::make_unique<net::WebSocketTransport>(std::move(transport), layers.websocket);
}

}  // namespace

WebSockets make_websockets(const config::Config& config) {
  WebSockets made;
  for (const config::ListenerConfig& listener : config.listeners) {
    const bool speaks = listener.protocol == config::ListenerProtocol::websockets;
    made.push_back(speaks ? std::make_shared<const net::WebSocketSettings>(net::WebSocketSettings{
                                config.packet_buffer_size, listener.websockets_origin})
                          : nullptr);
  }
  return made;
}

std::unique_ptr<net::Transport> make_transport(net::Listener::Accepted accepted,
                                               const config::ListenerConfig& listener,
                                               const Layers& layers) {
  if (listener.enable_proxy_protocol == 0) return above_proxy(std::move(accepted.socket), layers);
  const net::ProxySettings settings{
      .version = static_cast<net::ProxyVersion>(listener.enable_proxy_protocol),
      .require_tls = listener.proxy_protocol_v2_require_tls,
      .require_certificate = listener.has_tls_at_proxy() && listener.require_certificate,
  };
  return std::make_unique<net::ProxyTransport>(
      std::move(accepted.socket), std::move(accepted.peer), settings,
      [layers](net::Socket socket) { return above_proxy(std::move(socket), layers); });
}

}  // namespace tombo::server
