#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "client/stream.h"
#include "tombo/machine.h"
#include "tombo/target.h"

namespace tombo::client {

/// Runs a Machine over a stream in one thread, that of the caller.
/// ```
/// Loop loop(machine, target);
/// if (Error failed = loop.open()) ...
/// while (loop.is_open()) loop.turn(std::chrono::seconds(1));
/// ```
class Loop {
 public:
  /// `machine` outlives it.
  Loop(Machine& machine, Target target);

  /// Opens the way to the broker and begins to log in. Waits for the former only. `cancel`: as
  /// open_stream() has it.
  Error open(int cancel = -1);

  /// Waits until something comes, is due, or `most` is over, and deals with it. `also`: another
  /// descriptor to wait for, -1: none. True: that one can be read.
  bool turn(std::chrono::milliseconds most, int also = -1);

  /// Nothing is read until it is told to go on: for who cannot take more messages.
  void pause_reading(bool pauses);

  /// Writes as much as the stream takes.
  void flush();

  [[nodiscard]] bool is_open() const { return stream_ != nullptr; }

  /// Bytes that wait to be written.
  [[nodiscard]] size_t unwritten() const { return machine_.output().size(); }

  /// Of the stream, when it ended by one; else the machine has told why.
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  void read();
  void close(const Error& error);
  [[nodiscard]] int poll_limit(std::chrono::milliseconds most) const;

  Machine& machine_;
  Target target_;
  std::unique_ptr<Stream> stream_;
  Error error_;
  bool pauses_ = false;
  std::vector<uint8_t> buffer_;
};

}  // namespace tombo::client
