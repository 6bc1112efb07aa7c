#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/check.h"
#include "base/time.h"

namespace tombo {

/// A small Value for each of the keys that came last, for all threads. Memory is taken as keys
/// come. Bound: `entries`; a new key takes the place of one in its set of kWays that is idle, else
/// of the one not visited for longest. Keys are hashes with a secret seed, so that nobody chooses
/// who shares a set with whom. Value: default constructible, and `bool idle(Time now)` says that it
/// may be forgotten for free.
///   table.visit(hash64(address, seed), now, [](State& state) { return ++state.connections; });
template <class Value>
class KeyedTable {
 public:
  static constexpr size_t kWays = 8;
  static constexpr size_t kLocks = 64;

  /// Requires: a power of two, at least kWays * kLocks.
  explicit KeyedTable(size_t entries)
      : sets_(entries / kWays), places_(std::make_unique<std::unique_ptr<Set>[]>(sets_)) {
    CHECK((entries & (entries - 1)) == 0 && entries >= kWays * kLocks);
  }

  /// Calls `f(Value&)` for the value of `key` while no other thread has it, and returns what it
  /// does. A value that was not there is made.
  template <class F>
  auto visit(uint64_t key, Time now, F&& f) {
    const size_t set = key & (sets_ - 1);
    const std::lock_guard<std::mutex> lock(locks_[set % kLocks]);
    if (places_[set] == nullptr) places_[set] = std::make_unique<Set>();
    return f(place_of(*places_[set], key, now));
  }

 private:
  struct Place {
    uint64_t key = 0;
    Time visited{};
    bool used = false;
    Value value{};
  };

  using Set = std::array<Place, kWays>;

  static Value& place_of(Set& set, uint64_t key, Time now) {
    Place* victim = nullptr;
    bool victim_idle = false;
    for (Place& place : set) {
      if (place.used && place.key == key) {
        place.visited = now;
        return place.value;
      }
      const bool idle = !place.used || place.value.idle(now);
      if (victim == nullptr || (idle && !victim_idle) ||
          (idle == victim_idle && place.visited < victim->visited)) {
        victim = &place;
        victim_idle = idle;
      }
    }
    *victim = Place{.key = key, .visited = now, .used = true};
    return victim->value;
  }

  size_t sets_;
  std::unique_ptr<std::unique_ptr<Set>[]> places_;  // Each under its lock.
  std::array<std::mutex, kLocks> locks_;
};

}  // namespace tombo
