#pragma once

#include <chrono>
#include <cstdint>

namespace tombo {

/// All delays and time-outs; milliseconds.
using Duration = std::chrono::milliseconds;

/// Tag of `Time`.  It has no now(): the server reads the clock once a turn and passes it in.
struct MonotonicClock {};

/// Milliseconds of a clock that never jumps and has no relation to the calendar.
using Time = std::chrono::time_point<MonotonicClock, Duration>;

/// Tag of `WallTime`.  It has no now() either.
struct WallClock {};

/// Seconds since 1970-01-01 UTC.  For what is stored or shown; it may jump, so no timer uses it.
using WallTime = std::chrono::time_point<WallClock, std::chrono::seconds>;

/// The present, as an argument.
struct Now {
  Time time;
  /// Milliseconds since 1970-01-01 UTC.
  int64_t wall_ms = 0;

  /// Whole seconds since 1970-01-01 UTC.
  [[nodiscard]] constexpr int64_t wall_s() const {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::milliseconds(wall_ms)).count();
  }

  [[nodiscard]] constexpr WallTime wall() const { return WallTime(std::chrono::seconds(wall_s())); }
};

}  // namespace tombo
