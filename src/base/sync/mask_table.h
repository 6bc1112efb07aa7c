#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace tombo {

/// Key → 64-bit mask: which shards care about a key.  Readers never wait, writers take a mutex.
/// A get() that happens after a set() sees the bit.  It may also see bits that are no longer there
/// or that belong to another key (a false positive, harmless to those who ask), but misses none.
/// Home: shared by all threads.  Memory: 4 KiB at first, then 24-64 bytes a key.
/// Bound: none of its own; each shard bounds its subscriptions.
///
/// Growth copies into a new generation of slots.  The old one is retired, for readers may be in it:
///   uint64_t ticket = table.begin_reclaim();     // 0: nothing to do
///   Fence::Snapshot turns = fence.snapshot();    // then, until fence.passed(turns), other work
///   table.reclaim(ticket);
/// A reader keeps nothing of the table from one turn to the next.
class MaskTable {
 public:
  MaskTable();
  MaskTable(const MaskTable&) = delete;
  MaskTable& operator=(const MaskTable&) = delete;
  ~MaskTable();

  /// The mask of `key`; 0 when nobody set a bit.  Lock-free.
  [[nodiscard]] uint64_t get(uint64_t key) const {
    if (key == 0) return mask_of_zero_.load(std::memory_order_acquire);
    const Generation& now = *current_.load(std::memory_order_acquire);
    for (uint64_t i = now.home(key);; i = (i + 1) & now.last) {
      const Slot& slot = now.slot(i);
      const uint64_t found = slot.key.load(std::memory_order_acquire);
      if (found == key) return slot.mask.load(std::memory_order_acquire);
      if (found == 0) return 0;
    }
  }

  /// Asks for the memory that get(key) will read first.
  void prefetch(uint64_t key) const {
    const Generation& now = *current_.load(std::memory_order_acquire);
    __builtin_prefetch(&now.slot(now.home(key)));
  }

  /// Sets or clears one bit of the mask.  Requires: bit < 64.
  void set(uint64_t key, unsigned bit);
  void clear(uint64_t key, unsigned bit);

  /// Keys with a mask other than 0.
  [[nodiscard]] size_t size() const;
  /// Bytes allocated, retired generations included.
  [[nodiscard]] size_t memory() const;

  /// Whether slots wait to be freed.
  [[nodiscard]] bool has_retired() const { return has_retired_.load(std::memory_order_relaxed); }

  /// Names all generations retired so far; 0 when there are none.
  [[nodiscard]] uint64_t begin_reclaim() const;
  /// Frees the generations that begin_reclaim() named.
  /// Requires: every reader has ended a turn since.
  void reclaim(uint64_t ticket);

 private:
  // Within a generation a slot's key goes 0 → k → k' but never back to 0, so no chain of slots is
  // ever cut.  A slot whose mask is 0 is dead and may be given to another key.
  struct Slot {
    std::atomic<uint64_t> key{0};
    std::atomic<uint64_t> mask{0};
  };

  struct alignas(64) Line {
    std::array<Slot, 4> slots;
  };

  struct Generation {
    explicit Generation(uint64_t slots);

    [[nodiscard]] uint64_t home(uint64_t key) const { return (key * 0x9e3779b97f4a7c15u) >> shift; }

    [[nodiscard]] Slot& slot(uint64_t i) const { return lines[i / 4].slots[i % 4]; }

    [[nodiscard]] uint64_t slots() const { return last + 1; }

    uint64_t last;   // Slots - 1, a power of two less one.
    unsigned shift;  // Leaves as many upper bits as count the slots.
    std::unique_ptr<Line[]> lines;
  };

  struct Retired {
    uint64_t number;
    std::unique_ptr<Generation> generation;
  };

  static constexpr uint64_t kMinSlots = 256;

  void set_in_slots(uint64_t key, uint64_t bit_mask);
  void rebuild(uint64_t slots);

  std::atomic<const Generation*> current_;
  std::atomic<uint64_t> mask_of_zero_{0};  // Key 0 marks empty slots, so its mask is kept apart.
  std::atomic<bool> has_retired_{false};

  mutable std::mutex mutex_;  // Guards what follows, and all stores to slots.
  std::unique_ptr<Generation> owned_;
  uint64_t used_ = 0;  // Slots whose key is not 0.
  uint64_t live_ = 0;  // Slots whose mask is not 0.
  uint64_t number_ = 1;
  std::vector<Retired> retired_;
};

}  // namespace tombo
