#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/endpoint.h"
#include "net/socket.h"

namespace tombo::net {

/// Binds `endpoint` and makes `count` sockets listen there, among which the kernel spreads the
/// connections (SO_REUSEPORT). Fails when any other socket listens there, also one of another
/// process that shares its port: two brokers must not take each other's clients. Connections have
/// TCP_NODELAY until Listener::set_no_delay() says otherwise.
Result<std::vector<Socket>> listen_at(const Endpoint& endpoint, unsigned count);

/// Whether `endpoint` can be bound now: 0 or an errno, EADDRINUSE when somebody listens there. It
/// is let go at once, and nobody can have connected to it.
int try_to_bind(const Endpoint& endpoint);

/// The port that a socket is bound to; 0 when it has none.
uint16_t port_of(const Socket& socket);

/// A listening socket: takes connections out of its queue.
/// Home: one thread.  Bound: the backlog, kBacklog or what the kernel allows.
class Listener {
 public:
  static constexpr int kBacklog = 4096;

  /// Requires: a listening socket that does not block.
  explicit Listener(Socket socket);

  /// Whether connections that come from now on send small packets at once (TCP_NODELAY).
  void set_no_delay(bool on);

  struct Accepted {
    enum class Kind : uint8_t {
      connection,  ///< `socket` is a connection of `peer`; there may be more.
      none,        ///< Nobody waits.
      lost,        ///< It went away before it was taken; there may be more.
      refused,     ///< Out of descriptors: it was closed; there may be more.
      exhausted,   ///< Out of descriptors or memory: try again after a pause.
    };
    Kind kind = Kind::none;
    Socket socket;
    /// "ADDR:PORT". At a Unix socket clients have no name: "PATH:0", as Mosquitto calls them.
    std::string peer;
    int error = 0;  ///< An errno with refused and exhausted.
  };

  [[nodiscard]] Accepted accept();

  [[nodiscard]] int descriptor() const { return socket_.descriptor(); }

 private:
  Accepted refuse(int error);

  Socket socket_;
  std::string unix_peer_;  // Of all connections of a Unix socket; empty: it is none.
  // Given up for a moment when there are no descriptors left: a connection that cannot be taken has
  // to be closed, or the listener stays ready and the loop spins.
  Socket spare_;
};

}  // namespace tombo::net
