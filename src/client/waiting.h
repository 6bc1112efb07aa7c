#pragma once

#include <chrono>

#include "client/stream.h"

namespace tombo::client {

/// How long the steps of opening a stream may still take.
class Patience {
 public:
  /// `cancel`: a descriptor that can be read when nobody wants the stream any more; -1: none.
  explicit Patience(std::chrono::milliseconds all, int cancel = -1)
      : end_(std::chrono::steady_clock::now() + all), cancel_(cancel) {}

  /// Waits until the descriptor can be read or written. Error: it took too long, or is cancelled.
  [[nodiscard]] Error wait(int descriptor, bool to_write) const;

  /// Writes all of it. Error: the connection is gone, or it took too long.
  [[nodiscard]] Error write_all(Stream& stream, std::span<const uint8_t> bytes) const;

  /// Fills `into`.
  [[nodiscard]] Error read_all(Stream& stream, std::span<uint8_t> into) const;

 private:
  std::chrono::steady_clock::time_point end_;
  int cancel_;
};

Error network_error(int number);

}  // namespace tombo::client
