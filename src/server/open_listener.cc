#include "server/open_listener.h"

#include <cstddef>
#include <string>
#include <unistd.h>
#include <utility>

#include "net/endpoint.h"
#include "net/listener.h"
#include "server/listen_place.h"

namespace tombo::server {
namespace {

constexpr uint16_t kPrivilegedPorts = 1024;

Result<OpenListener> open_unix_socket(const std::string& path, unsigned shards, Logger& log) {
  LOG_TO(log, LogType::info, "Opening unix listen socket on path {}.", path);
  Result<net::UnixListening> listening = net::listen_at_path(path);
  if (!listening) {
    LOG_TO(log, LogType::error, "Error binding unix socket: {}", listening.error().text);
    return listening.error();
  }
  OpenListener open;
  open.sockets.resize(shards);
  // Each client moves home with its CONNECT, so that one shard takes them in costs the others
  // nothing.
  open.sockets.front().push_back(std::move(listening->socket));
  open.ports.push_back(0);
  open.file = std::move(listening->file);
  return open;
}

Result<OpenListener> open_addresses(const config::ListenerConfig& listener, unsigned shards,
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

}  // namespace

Result<OpenListener> open_listener(const config::ListenerConfig& listener, unsigned shards,
                                   Logger& log) {
  return listener.unix_path.empty() ? open_addresses(listener, shards, log)
                                    : open_unix_socket(listener.unix_path, shards, log);
}

}  // namespace tombo::server
