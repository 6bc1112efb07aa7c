#include "server/open_listener.h"

#include <cstddef>
#include <unistd.h>
#include <utility>

#include "net/endpoint.h"
#include "net/listener.h"

namespace tombo::server {
namespace {

constexpr uint16_t kPrivilegedPorts = 1024;

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

}  // namespace

Result<OpenListener> open_listener(const config::ListenerConfig& listener, unsigned shards,
                                   Logger& log) {
  const Result<std::vector<net::Endpoint>> endpoints = net::resolve(place_of(listener));
  if (!endpoints) {
    LOG_TO(log, LogType::error, "Error creating listener: {}.", endpoints.error().text);
    return endpoints.error();
  }
  OpenListener open;
  open.sockets.resize(shards);
  for (const net::Endpoint& endpoint : *endpoints) {
    LOG_TO(log, LogType::info, "Opening {} listen socket on port {}.",
           endpoint.is_ipv6() ? "ipv6" : "ipv4", listener.port);
    Result<std::vector<net::Socket>> sockets = net::listen_at(endpoint, shards);
    if (!sockets) {
      if (listener.port < kPrivilegedPorts && ::geteuid() != 0) {
        log.log(LogType::error,
                "If you are trying to bind to a privileged port (<1024), try using setcap and do "
                "not start the broker as root:");
        log.log(LogType::error, "    sudo setcap 'CAP_NET_BIND_SERVICE=+ep' /usr/sbin/mosquitto");
      }
      LOG_TO(log, LogType::error, "Error: {}", sockets.error().text);
      return sockets.error();
    }
    open.ports.push_back(net::port_of(sockets->front()));
    for (size_t i = 0; i < shards; ++i) open.sockets[i].push_back(std::move((*sockets)[i]));
  }
  return open;
}

}  // namespace tombo::server
