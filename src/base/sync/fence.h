#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace tombo {

/// Tells when every shard has ended a turn, so that what was taken out of shared structures before
/// is used by nobody any more (the only reclamation scheme).
/// Shards call pass() and set_idle(); the owner of the garbage calls snapshot() and passed().
///
/// Contract: a shard keeps no pointer into the structure from one turn to the next, nor when idle.
/// Then: the owner replaces the structure, takes a snapshot, and once passed() is true it may free
/// the old one.
///
/// Proof: all accesses are read-modify-writes of one counter per shard, so they have one order, and
/// each acquires from the ones before it and releases to the ones after it.  A pass() after the
/// snapshot acquires the owner's replacement: from then on the shard finds only the new structure.
/// What it did with the old one before that pass() happened before passed() reads the counter.
/// An idle shard uses nothing, and its set_idle(false) acquires in the same way.
class Fence {
 public:
  using Snapshot = std::vector<uint64_t>;

  /// Every shard counts as running.  `shards` may include readers that are no shards.
  explicit Fence(unsigned shards);

  /// The shard ends a turn.
  void pass(unsigned shard);
  /// The shard goes to sleep (ends its turn), or begins to run again.
  void set_idle(unsigned shard, bool idle);

  /// The turns all shards are in now.
  [[nodiscard]] Snapshot snapshot();
  /// Whether every shard has ended the turn it was in, or is idle.
  [[nodiscard]] bool passed(const Snapshot& since);

 private:
  // Twice the turns ended; odd while idle.  On a cache line of its own: shards write at every turn.
  struct alignas(64) Counter {
    std::atomic<uint64_t> value{0};
  };

  std::vector<Counter> counters_;
};

}  // namespace tombo
