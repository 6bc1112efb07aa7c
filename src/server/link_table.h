#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "broker/ids.h"
#include "net/transport.h"

namespace tombo::server {

/// What a shard knows of one connection: its transport and what the loop watches it for.
struct Link {
  std::unique_ptr<net::Transport> transport;
  uint32_t generation = 0;      ///< Of the ConnectionId; odd while the broker has the connection.
  uint16_t listener = 0;        ///< Index into Config::listeners.
  bool reading : 1 = true;      ///< False: the broker wants no more bytes for now.
  bool blocked : 1 = false;     ///< The socket is full; the loop tells when it is not.
  bool introduced : 1 = false;  ///< The broker knows who the peer has proved to be.

  [[nodiscard]] net::Interest interest() const { return net::interest_of(reading, blocked); }
};

/// The transports of a shard by the broker's ConnectionId.
/// Home: one shard.  Memory: 16 bytes for each index that was ever used, and the transport.
/// Bound: the broker's connections.
class LinkTable {
 public:
  /// Null when the broker's connection is gone, also when its place is used again.
  [[nodiscard]] Link* find(broker::ConnectionId id) {
    if (id.index >= links_.size()) return nullptr;
    Link& link = links_[id.index];
    return link.generation == id.generation && link.transport != nullptr ? &link : nullptr;
  }

  /// Requires: nobody is tied to this id.
  Link& tie(broker::ConnectionId id, std::unique_ptr<net::Transport> transport, uint16_t listener) {
    if (id.index >= links_.size()) links_.resize(size_t{id.index} + 1);
    Link& link = links_[id.index];
    DCHECK(link.transport == nullptr);
    link = Link{std::move(transport), id.generation, listener};
    ++size_;
    return link;
  }

  /// Takes the transport out. Requires: `link` is tied.
  std::unique_ptr<net::Transport> untie(Link& link) {
    --size_;
    return std::exchange(link.transport, nullptr);
  }

  [[nodiscard]] size_t size() const { return size_; }

 private:
  std::vector<Link> links_;
  size_t size_ = 0;
};

}  // namespace tombo::server
