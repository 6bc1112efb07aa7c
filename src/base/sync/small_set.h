#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

namespace tombo {

/// A counted set of at most kPlaces non-zero numbers, read without locks and changed under a mutex.
/// A reader that runs while a number is added or removed sees the set before or after; readers and
/// writers that synchronise otherwise (the number was added before a mail was sent) see it.
template <unsigned kPlaces>
class SmallSet {
 public:
  /// Adds one use of `value`. False when it is new and all places are taken.
  bool add(uint32_t value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    unsigned vacant = kPlaces;
    const unsigned used = used_.load(std::memory_order_relaxed);
    for (unsigned i = 0; i < used; ++i) {
      if (values_[i].load(std::memory_order_relaxed) == value) {
        ++uses_[i];
        return true;
      }
      if (uses_[i] == 0 && vacant == kPlaces) vacant = i;
    }
    if (vacant == kPlaces && used < kPlaces) vacant = used;
    if (vacant == kPlaces) return false;
    values_[vacant].store(value, std::memory_order_seq_cst);
    uses_[vacant] = 1;
    if (vacant == used) used_.store(used + 1, std::memory_order_seq_cst);
    return true;
  }

  /// Takes one use back; the last one removes the number.
  void remove(uint32_t value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (unsigned i = 0; i < used_.load(std::memory_order_relaxed); ++i) {
      if (values_[i].load(std::memory_order_relaxed) != value || uses_[i] == 0) continue;
      if (--uses_[i] == 0) values_[i].store(0, std::memory_order_seq_cst);
      return;
    }
  }

  /// Calls `f(value)` for each number.
  template <class F>
  void for_each(F&& f) const {
    const unsigned used = used_.load(std::memory_order_acquire);
    for (unsigned i = 0; i < used; ++i) {
      const uint32_t value = values_[i].load(std::memory_order_acquire);
      if (value != 0) f(value);
    }
  }

 private:
  std::array<std::atomic<uint32_t>, kPlaces> values_{};
  std::atomic<unsigned> used_ = 0;
  std::array<uint32_t, kPlaces> uses_{};  // under mutex_
  std::mutex mutex_;
};

}  // namespace tombo
