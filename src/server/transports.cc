#include "server/transports.h"

#include <utility>

#include "net/tcp.h"
#include "net/tls.h"

namespace tombo::server {

std::unique_ptr<net::Transport> make_transport(net::Socket socket,
                                               const std::shared_ptr<const net::TlsContext>& tls) {
  if (tls != nullptr) return std::make_unique<net::TlsTransport>(std::move(socket), tls);
  return std::make_unique<net::TcpTransport>(std::move(socket));
}

}  // namespace tombo::server
