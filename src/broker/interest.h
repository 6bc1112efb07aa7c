#pragma once

#include <cstdint>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/sync/mask_table.h"
#include "base/sync/small_set.h"
#include "broker/ids.h"

namespace tombo::broker {

/// Which shards might want a topic: one table for all shards, read without locks.
/// A filter has a shape (depth, which levels are `+`, whether it ends in `#`) and a key, a hash of
/// the shape and its non-wild levels. A lookup forms one key for each live shape that fits the
/// topic and ORs the masks. Never a false negative; a false positive costs a hop. Bounds:
/// kShapesMax shapes and kDepthMax levels; what goes beyond is entered coarser. Filters are counted
/// per shard by LocalInterest; only first and last touch this table.
class InterestTable {
 public:
  static constexpr unsigned kDepthMax = 16;
  static constexpr unsigned kShapesMax = 32;

  explicit InterestTable(uint64_t seed) : seed_(seed) {}

  /// Mask of the shards that may have subscribers of `topic`.
  uint64_t shards_for(std::string_view topic) const;

  /// The key under which `filter` is entered, and the shape it needs.
  struct Entry {
    uint64_t key = 0;
    uint32_t shape = 0;
  };

  /// Registers the filter's shape (a coarser one when there are too many) and returns its entry.
  /// Balanced by leave(). Thread-safe.
  Entry enter(std::string_view filter);
  void leave(const Entry& entry);

  void set(uint64_t key, ShardId shard) { masks_.set(key, shard.value()); }

  void clear(uint64_t key, ShardId shard) { masks_.clear(key, shard.value()); }

  MaskTable& masks() { return masks_; }

 private:
  uint64_t seed_;
  MaskTable masks_;
  SmallSet<kShapesMax> shapes_;
};

/// What one shard has entered: counts per key, so that the shared table is touched only when the
/// first subscriber of a key comes and the last one goes.
class LocalInterest {
 public:
  /// `table` may be null (one shard): then everything here does nothing.
  LocalInterest(InterestTable* table, ShardId shard) : table_(table), shard_(shard) {}

  /// A filter of this shard has its first subscriber. Returns what remove() needs.
  InterestTable::Entry add(std::string_view filter);
  void remove(const InterestTable::Entry& entry);

 private:
  InterestTable* table_;
  ShardId shard_;
  boost::unordered_flat_map<uint64_t, uint32_t> counts_;
};

}  // namespace tombo::broker
