#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/uio.h>

#include "net/socket.h"

namespace tombo::net {

/// What became of a read or a write.
struct IoResult {
  enum class Kind : uint8_t {
    done,     ///< `count` bytes, more than none.
    blocked,  ///< Nothing now: wait until the descriptor is ready.
    ended,    ///< The peer sends no more.
    failed,   ///< `error` is an errno; EPROTO: Transport::why_failed() has the words.
  };
  Kind kind = Kind::done;
  size_t count = 0;
  int error = 0;
};

/// What of a client's certificate names it.
enum class PeerName : uint8_t {
  common_name,  ///< The CN of its subject.
  subject,      ///< The whole subject in the order of RFC 2253.
};

/// One connection's bytes in and bytes out, whatever lies between: TCP or TLS, and WebSocket over
/// either. Home: the shard that has it; it moves to another one as a whole, when no loop watches
/// it. Destroying it cuts the connection off at once.
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

  // What a transport with a protocol of its own adds.

  /// Bytes that write() has taken, or that are the transport's own, wait for the socket: flush()
  /// when it is writable.
  [[nodiscard]] virtual bool wants_write() const { return false; }

  /// Writes them; `done` when none are left.
  [[nodiscard]] virtual IoResult flush() { return {}; }

  /// Nothing of the peer's has been read yet, because the two still shake hands.
  [[nodiscard]] virtual bool is_opening() const { return false; }

  /// "ADDR:PORT" of the client, once, when something on the way has told it: the socket's peer is
  /// somebody else then.
  [[nodiscard]] virtual std::optional<std::string> take_client_address() { return std::nullopt; }

  /// Why the last call failed with EPROTO, in words for the log.
  [[nodiscard]] virtual std::string_view why_failed() const { return {}; }

  /// What the two have agreed on, in words for the log, once they have shaken hands; empty:
  /// nothing.
  [[nodiscard]] virtual std::string agreement() const { return {}; }

  /// Who the peer has proved to be; nullopt: it has not, or its name is none.
  [[nodiscard]] virtual std::optional<std::string> peer_name(PeerName /*which*/) const {
    return std::nullopt;
  }

  /// The address of the client as a proxy in between has told it, without a port; empty: none has.
  [[nodiscard]] virtual std::string_view forwarded_for() const { return {}; }
};

}  // namespace tombo::net
