#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/uio.h>

#include "net/socket.h"

namespace tombo::net {

/// What became of a read or a write.
struct IoResult {
  enum class Kind : uint8_t {
    done,     ///< `count` bytes, more than none.
    blocked,  ///< Nothing now: wait until the descriptor is ready.
    ended,    ///< The peer sends no more.
    failed,   ///< `error` is an errno.
  };
  Kind kind = Kind::done;
  size_t count = 0;
  int error = 0;
};

/// One connection's bytes in and bytes out, whatever lies between: TCP, later TLS and WebSocket.
/// Home: the shard that has it; it moves to another one as a whole, when no loop watches it.
/// Destroying it cuts the connection off at once.
class Transport {
 public:
  Transport() = default;
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// What a Loop watches.
  [[nodiscard]] virtual int descriptor() const = 0;
  /// Reads what is there, at most as much as fits. Never waits.
  [[nodiscard]] virtual IoResult read(std::span<uint8_t> into) = 0;
  /// Writes as much as goes. Never waits. Requires: at most IOV_MAX slices.
  [[nodiscard]] virtual IoResult write(std::span<const iovec> slices) = 0;
  /// Tells the peer that no more bytes come, and gives the socket up to a LingerQueue.
  [[nodiscard]] virtual Socket finish() = 0;
};

}  // namespace tombo::net
