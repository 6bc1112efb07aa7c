#pragma once

#include <chrono>

#include "client/stream.h"

namespace tombo::client {

/// How long the steps of opening a stream may still take.
class Patience {
 public:
  explicit Patience(std::chrono::milliseconds all) : end_(std::chrono::steady_clock::now() + all) {}

  /// Waits until the descriptor can be read or written; false: it took too long.
  [[nodiscard]] bool wait(int descriptor, bool to_write) const;

  /// Writes all of it. Error: the connection is gone, or it took too long.
  [[nodiscard]] Error write_all(Stream& stream, std::span<const uint8_t> bytes) const;

  /// Fills `into`.
  [[nodiscard]] Error read_all(Stream& stream, std::span<uint8_t> into) const;

 private:
  std::chrono::steady_clock::time_point end_;
};

Error network_error(int number);
Error too_slow();

}  // namespace tombo::client
