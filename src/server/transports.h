#pragma once

#include <memory>
#include <vector>

#include "config/config.h"
#include "net/listener.h"
#include "net/tls_context.h"
#include "net/transport.h"
#include "net/websocket_handshake.h"

namespace tombo::server {

/// By the index of the listener; null: it speaks plain MQTT.
using WebSockets = std::vector<std::shared_ptr<const net::WebSocketSettings>>;

WebSockets make_websockets(const config::Config& config);

/// What connections of a listener go through; null: not through this.
struct Layers {
  std::shared_ptr<const net::TlsContext> tls;
  std::shared_ptr<const net::WebSocketSettings> websocket;
};

/// Stacks what the bytes of an accepted connection go through before they are MQTT.
std::unique_ptr<net::Transport> make_transport(net::Listener::Accepted accepted,
                                               const config::ListenerConfig& listener,
                                               const Layers& layers);

}  // namespace tombo::server
