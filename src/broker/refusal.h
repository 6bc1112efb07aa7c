#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/time.h"

namespace tombo::broker {

/// What of a client that is connected, or was, can be refused. CONNECT is apart: there is no
/// session yet.
enum class Refused : uint8_t { publish, subscribe, delivery, will };

/// Causes of one session's refusals that were logged, so that each is logged once. A cause is the
/// hash of what tells it from others. Bound: kCausesMax, then one line says that there is no more.
class LoggedRefusals {
 public:
  static constexpr size_t kCausesMax = 8;

  enum class Say : uint8_t { nothing, cause, end };

  Say note(uint64_t cause) {
    if (count_ > kCausesMax) return Say::nothing;
    const auto end = causes_.begin() + count_;
    if (std::find(causes_.begin(), end, cause) != end) return Say::nothing;
    if (count_++ == kCausesMax) return Say::end;
    *end = cause;
    return Say::cause;
  }

 private:
  std::array<uint64_t, kCausesMax> causes_{};
  uint8_t count_ = 0;  // kCausesMax + 1: the end was said.
};

/// The same for CONNECTs of clients that have no session: a client that tries again and again with
/// the same cause is logged once in kQuiet. Bound: kPlaces; what meets another in its place takes
/// it, and is logged again when it comes again.
class RecentRefusals {
 public:
  static constexpr size_t kPlaces = 256;
  static constexpr Duration kQuiet = std::chrono::hours(1);

  /// Is it to be logged?
  bool note(uint64_t cause, Time now) {
    if (places_ == nullptr) places_ = std::make_unique<Places>();
    Place& place = (*places_)[cause % kPlaces];
    if (place.cause == cause && now - place.logged_at < kQuiet) return false;
    place = {cause, now};
    return true;
  }

  void clear() { places_.reset(); }

 private:
  struct Place {
    uint64_t cause = 0;  // 0: free; no hash is expected to be.
    Time logged_at{};
  };

  using Places = std::array<Place, kPlaces>;
  std::unique_ptr<Places> places_;
};

}  // namespace tombo::broker
