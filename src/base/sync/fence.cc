#include "base/sync/fence.h"

#include "base/check.h"

namespace tombo {

namespace {

// Reads by writing, so that the shard's next operation acquires from this one.
uint64_t read(std::atomic<uint64_t>& counter) {
  return counter.fetch_add(0, std::memory_order_acq_rel);
}

bool is_idle(uint64_t value) {
  return (value & 1) != 0;
}

}  // namespace

Fence::Fence(unsigned shards) : counters_(shards) {}

void Fence::pass(unsigned shard) {
  DCHECK(shard < counters_.size());
  counters_[shard].value.fetch_add(2, std::memory_order_acq_rel);
}

void Fence::set_idle(unsigned shard, bool idle) {
  DCHECK(shard < counters_.size());
  std::atomic<uint64_t>& counter = counters_[shard].value;
  // Only the shard itself changes the counter, so it is not changed between the two lines.
  if (is_idle(counter.load(std::memory_order_relaxed)) == idle) return;
  counter.fetch_add(1, std::memory_order_acq_rel);
}

Fence::Snapshot Fence::snapshot() {
  Snapshot now;
  now.reserve(counters_.size());
  for (Counter& counter : counters_) now.push_back(read(counter.value));
  return now;
}

bool Fence::passed(const Snapshot& since) {
  CHECK(since.size() == counters_.size());
  for (size_t i = 0; i < since.size(); ++i) {
    const uint64_t value = read(counters_[i].value);
    if (value == since[i] && !is_idle(value)) return false;
  }
  return true;
}

}  // namespace tombo
