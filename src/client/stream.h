#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "tombo/error.h"
#include "tombo/target.h"

namespace tombo::client {

/// Bytes to a broker and back, whatever lies between: TCP, a Unix socket, SOCKS5, TLS, WebSocket.
class Stream {
 public:
  struct Moved {
    enum class Kind : uint8_t { done, blocked, ended, failed };
    Kind kind = Kind::done;
    size_t count = 0;
    Error error{};
  };

  Stream() = default;
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] virtual int descriptor() const = 0;
  /// Never waits.
  [[nodiscard]] virtual Moved read(std::span<uint8_t> into) = 0;
  /// Never waits.
  [[nodiscard]] virtual Moved write(std::span<const uint8_t> bytes) = 0;

  /// Something that was taken by write() waits for the socket.
  [[nodiscard]] virtual bool wants_write() const { return false; }

  /// Bytes were read from the socket that read() has not given yet: poll() does not know of them.
  [[nodiscard]] virtual bool has_read_ahead() const { return false; }
};

/// Opens the whole way to the broker; waits for all of it. Error: what failed.
struct Opened {
  std::unique_ptr<Stream> stream;  ///< null: see `error`
  Error error{};
};

/// `cancel`: a descriptor that can be read when it is to give up (ErrorKind::ended); -1: none. The
/// look-up of a name goes on to its end all the same.
Opened open_stream(const Target& target, std::chrono::milliseconds patience, int cancel = -1);

}  // namespace tombo::client
