#pragma once

#include <atomic>
#include <cstdint>

namespace tombo {

/// A number of places, some of them taken.  Shared by all threads.
class Places {
 public:
  /// Negative: no limit. A limit below what is taken lets nobody in until enough have left.
  void set_limit(int64_t limit) { limit_.store(limit, std::memory_order_relaxed); }

  /// Takes a place; false when there is none.
  [[nodiscard]] bool enter() { return enter_below(limit_.load(std::memory_order_relaxed)); }

  /// Takes a place if fewer than `limit` are taken; negative: no limit.
  [[nodiscard]] bool enter_below(int64_t limit) {
    // Relaxed: the count alone matters, it hands nothing over. Taken first and checked then, so two
    // threads never share the last place; at worst both are refused.
    const int64_t before = taken_.fetch_add(1, std::memory_order_relaxed);
    if (limit < 0 || before < limit) return true;
    leave();
    return false;
  }

  /// Gives a place back.
  void leave() { taken_.fetch_sub(1, std::memory_order_relaxed); }

  [[nodiscard]] int64_t taken() const { return taken_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> limit_{-1};
  std::atomic<int64_t> taken_{0};
};

}  // namespace tombo
