#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/check.h"

namespace tombo {

/// Two numbers of each of up to kShards threads, and their sums. A writer sets its own only; who
/// sums sees each number as it was a moment ago.  Every thread has a cache line of its own.
class ShardSums {
 public:
  static constexpr size_t kShards = 64;

  struct Pair {
    int64_t first = 0;
    int64_t second = 0;
  };

  /// Requires: called by this shard's thread only.
  void set(size_t shard, Pair pair) {
    DCHECK(shard < kShards);
    slots_[shard].first.store(pair.first, std::memory_order_relaxed);
    slots_[shard].second.store(pair.second, std::memory_order_relaxed);
  }

  /// The sums of all but this shard.
  [[nodiscard]] Pair sum_without(size_t shard) const {
    Pair sum;
    for (size_t i = 0; i < kShards; ++i) {
      if (i == shard) continue;
      sum.first += slots_[i].first.load(std::memory_order_relaxed);
      sum.second += slots_[i].second.load(std::memory_order_relaxed);
    }
    return sum;
  }

 private:
  struct alignas(64) Slot {
    std::atomic<int64_t> first{0};
    std::atomic<int64_t> second{0};
  };

  std::array<Slot, kShards> slots_;
};

}  // namespace tombo
