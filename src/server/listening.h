#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "config/config.h"
#include "net/endpoint.h"
#include "net/socket.h"
#include "net/unix_socket.h"
#include "server/passed_sockets.h"

namespace tombo::server {

/// One address, or the path of a Unix socket, at which a listener is open.
struct OpenAddress {
  uint32_t number = 0;       ///< For shards: its own as long as the process lives.
  uint16_t listener = 0;     ///< Index in Config::listeners.
  net::Endpoint endpoint{};  ///< As it was asked for; none: a Unix socket.
  uint16_t port = 0;         ///< That it has got: another one when 0 was asked for.
  /// One for each shard, until the shards take them. A Unix socket of ours is the first shard's
  /// alone, for it cannot be opened twice; of a passed one there are as many copies as shards.
  std::vector<net::Socket> sockets{};
  net::SocketFile file{};  ///< Of a Unix socket that is ours.
  /// Its number in PassedSockets; nullopt: opened by the broker itself.
  std::optional<size_t> passed{};
};

/// The addresses at which the broker listens, and how they follow the configuration.
/// Home: the control thread.
/// ```
/// Result<Listening::Change> change = listening.plan(config, log);
/// if (!change) return change.error();           // Nothing has happened.
/// ... shards take over config, then change->moved and change->opened ...
/// listening.commit(config, std::move(*change));
/// ```
class Listening {
 public:
  /// `passed` are taken in place of sockets of our own, by listeners of the same place.
  explicit Listening(unsigned shards, PassedSockets passed = {})
      : shards_(shards), passed_(std::move(passed)) {}

  /// Files of Unix sockets that plan() opens from now on are given to this user. For root.
  void give_files_to(std::optional<net::FileOwner> owner) { owner_ = owner; }

  /// What a new configuration does to the addresses.
  struct Change {
    struct Move {
      uint32_t address = 0;
      uint16_t listener = 0;
    };

    /// Stay open, with all who wait there, for another listener: its predecessor is closed.
    std::vector<Move> moved;
    std::vector<OpenAddress> opened;
  };

  /// Opens the listeners of a configuration that are not open yet: all of them at all their
  /// addresses, or nothing; only in local only mode one of them is enough. Says what it opens and
  /// why it fails, so the error needs no further line.
  Result<Change> plan(const config::Config& config, Logger& log);

  /// The change has been carried out: the addresses of closed listeners are no more.
  void commit(const config::Config& config, Change change);

  /// No shard listens any more: the files of Unix sockets go.
  void close() {
    for (OpenAddress& address : open_) address.file = {};
  }

  /// The ports that are open, in the order in which they were opened; 0 for a Unix socket.
  [[nodiscard]] std::vector<uint16_t> ports() const;

 private:
  Result<void> open_all(const config::Config& config, Change& change, Logger& log);
  Result<void> open(const config::Config& config, uint16_t index, Change& change, Logger& log);
  Result<void> open_path(const config::Config& config, uint16_t index, Change& change, Logger& log);
  Result<void> open_at(const config::Config& config, uint16_t index, const net::Endpoint& endpoint,
                       Change& change, Logger& log);
  Result<void> use_passed(const config::Config& config, const PassedSockets::Found& found,
                          OpenAddress address, Change& change, Logger& log);
  [[nodiscard]] bool is_open(uint16_t listener) const;
  void tell_unused(const Change& change, Logger& log) const;

  unsigned shards_;
  PassedSockets passed_;
  std::optional<net::FileOwner> owner_;
  uint32_t next_number_ = 0;
  std::vector<OpenAddress> open_;  // Without sockets: shards have them.
};

}  // namespace tombo::server
