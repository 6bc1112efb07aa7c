#pragma once

#include <memory>

#include "config/config.h"
#include "net/listener.h"
#include "net/tls_context.h"
#include "net/transport.h"

namespace tombo::server {

/// Stacks what the bytes of an accepted connection go through before they are MQTT. `tls` is that
/// of its listener; null: without TLS.
std::unique_ptr<net::Transport> make_transport(net::Listener::Accepted accepted,
                                               const config::ListenerConfig& listener,
                                               const std::shared_ptr<const net::TlsContext>& tls);

}  // namespace tombo::server
