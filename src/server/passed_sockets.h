#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/draft.h"
#include "net/endpoint.h"
#include "net/socket.h"

namespace tombo::server {

/// Listening sockets that whoever started this process has opened for it (socket activation, see
/// sd_listen_fds(3)), for listeners with the same address and port or the same path. They stay open
/// as long as the process lives, so that a listener that a reload takes away may come back.
/// Home: the control thread.  Bound: kMax sockets.
class PassedSockets {
 public:
  static constexpr size_t kMax = 1000;

  /// Variables of the environment; empty: not set.
  struct Environment {
    std::string listen_pid{};      ///< LISTEN_PID: the process that the sockets are for.
    std::string listen_fds{};      ///< LISTEN_FDS: how many there are, from descriptor 3 on.
    std::string listen_fdnames{};  ///< LISTEN_FDNAMES: their names, separated by ":".
  };

  static Environment read_environment();

  /// Takes them over; none if they are for another process. What is no listening stream socket is
  /// closed, with a warning. At most once in a process.
  static PassedSockets take(const Environment& environment, std::vector<config::Notice>& notices);

  /// A socket for the log: "127.0.0.1:1883 (mqtt.socket)".
  struct Found {
    size_t index = 0;
    std::string text;
  };

  /// The socket that takes the connections of this address. One for all IPv6 addresses takes those
  /// of all IPv4 addresses, too, unless it is told not to (IPV6_V6ONLY).
  [[nodiscard]] std::optional<Found> find(const net::Endpoint& endpoint) const;
  /// The socket at the path of a Unix socket.
  [[nodiscard]] std::optional<Found> find(const std::string& unix_path) const;

  /// `count` descriptors of a socket: all take from its one queue.
  [[nodiscard]] Result<std::vector<net::Socket>> copies(size_t index, unsigned count) const;

  /// Texts of all sockets, by index.
  [[nodiscard]] std::vector<std::string> texts() const;

 private:
  struct Passed {
    net::Socket socket;
    std::string text;
    net::Endpoint endpoint{};
    std::string unix_path{};
    bool both_families = false;
  };

  static std::optional<Passed> examine(int descriptor, std::string_view name);

  std::vector<Passed> passed_;
};

}  // namespace tombo::server
