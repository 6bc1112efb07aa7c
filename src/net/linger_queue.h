#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "base/time.h"
#include "net/loop.h"
#include "net/socket.h"

namespace tombo::net {

/// Sockets that have said their last word and wait for the peer to end its side.
/// Closing at once would be wrong: a socket with unread bytes answers with a reset, and the peer
/// may lose what was sent last, such as the DISCONNECT that tells why.
/// Home: one thread.  Bound: kSocketsMax sockets, kTime for each; the oldest gives way.
class LingerQueue {
 public:
  static constexpr Duration kTime{1500};
  static constexpr size_t kSocketsMax = 1024;

  /// Events of these sockets have tags whose upper half is `tag_kind`.
  /// Requires: `loop` outlives it.
  LingerQueue(Loop& loop, uint32_t tag_kind) : loop_(loop), tag_kind_(tag_kind) {}

  ~LingerQueue() = default;
  LingerQueue(const LingerQueue&) = delete;
  LingerQueue& operator=(const LingerQueue&) = delete;

  /// Requires: the loop does not watch the socket.
  void add(Socket socket, Time now);
  /// The loop told an event for `tag`; does nothing if the socket is gone by now.
  void on_event(uint64_t tag);
  /// Closes those whose time is over.
  void expire(Time now);
  /// When to call expire().
  [[nodiscard]] std::optional<Time> next_deadline() const;

  [[nodiscard]] size_t size() const { return sockets_.size(); }

 private:
  struct Entry {
    Socket socket;
    Time deadline;
  };

  Loop& loop_;
  uint32_t tag_kind_;
  uint32_t last_number_ = 0;
  // By a number that counts up: the first one is the oldest.
  std::map<uint32_t, Entry> sockets_;
};

}  // namespace tombo::net
