#pragma once

#include <cstdint>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "config/config.h"
#include "net/socket.h"
#include "net/unix_socket.h"

namespace tombo::server {

/// The sockets of one listener, ready to accept from.
struct OpenListener {
  std::vector<std::vector<net::Socket>> sockets;  ///< By shard; one for each address.
  std::vector<uint16_t> ports;                    ///< By address; 0: a Unix socket.
  net::SocketFile file;                           ///< Of a Unix socket.
};

/// Opens a socket of every shard for each address of `listener`; a Unix socket cannot be shared, it
/// is the first shard's alone. Logs what it opens and what fails, so the error needs no further
/// line. May ask the name server.
Result<OpenListener> open_listener(const config::ListenerConfig& listener, unsigned shards,
                                   Logger& log);

}  // namespace tombo::server
