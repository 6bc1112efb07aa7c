#pragma once

#include <cstdint>

#include "base/sync/fence.h"
#include "base/sync/mask_table.h"

namespace tombo::server {

/// Frees what the interest table has outgrown, once every shard has ended a turn since.
/// Home: one shard, which calls step() when it ends a turn. When that shard sleeps the garbage
/// waits; it is never more than the table itself.
class InterestReclaim {
 public:
  InterestReclaim(MaskTable& table, Fence& fence) : table_(table), fence_(fence) {}

  void step() {
    if (ticket_ != 0) {
      if (!fence_.passed(since_)) return;
      table_.reclaim(ticket_);
      ticket_ = 0;
    }
    if (!table_.has_retired()) return;
    ticket_ = table_.begin_reclaim();
    since_ = fence_.snapshot();
  }

 private:
  MaskTable& table_;
  Fence& fence_;
  uint64_t ticket_ = 0;
  Fence::Snapshot since_;
};

}  // namespace tombo::server
