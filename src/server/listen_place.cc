#include "server/listen_place.h"

namespace tombo::server {

net::ListenPlace place_of(const config::ListenerConfig& listener) {
  net::ListenPlace place{
      .host = listener.host, .port = listener.port, .device = listener.bind_interface};
  switch (listener.socket_domain) {
    case config::SocketDomain::any:
      place.family = net::Family::any;
      break;
    case config::SocketDomain::ipv4:
      place.family = net::Family::ipv4;
      break;
    case config::SocketDomain::ipv6:
      place.family = net::Family::ipv6;
      break;
  }
  return place;
}

}  // namespace tombo::server
