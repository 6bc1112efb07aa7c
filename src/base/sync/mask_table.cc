#include "base/sync/mask_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace tombo {

MaskTable::Generation::Generation(uint64_t slots)
    : last(slots - 1),
      shift(static_cast<unsigned>(64 - std::countr_zero(slots))),
      lines(std::make_unique<Line[]>(slots / 4)) {}

MaskTable::MaskTable() : current_(nullptr), owned_(std::make_unique<Generation>(kMinSlots)) {
  current_.store(owned_.get(), std::memory_order_release);
}

MaskTable::~MaskTable() = default;

void MaskTable::set(uint64_t key, unsigned bit) {
  DCHECK(bit < 64);
  const uint64_t bit_mask = uint64_t{1} << bit;
  std::lock_guard lock(mutex_);
  if (key == 0) {
    mask_of_zero_.fetch_or(bit_mask, std::memory_order_release);
    return;
  }
  set_in_slots(key, bit_mask);
  // Two thirds: a miss then looks at five slots, two cache lines, on average.
  if (used_ > owned_->slots() / 3 * 2) rebuild(std::bit_ceil(live_ * 2));
}

void MaskTable::set_in_slots(uint64_t key, uint64_t bit_mask) {
  Slot* place = nullptr;
  for (uint64_t i = owned_->home(key);; i = (i + 1) & owned_->last) {
    Slot& slot = owned_->slot(i);
    const uint64_t found = slot.key.load(std::memory_order_relaxed);
    const uint64_t mask = slot.mask.load(std::memory_order_relaxed);
    if (found == key) {
      if (mask == 0) ++live_;
      slot.mask.store(mask | bit_mask, std::memory_order_release);
      return;
    }
    // The key may still come later in the chain, so a dead slot is only remembered.
    if (found != 0 && mask == 0 && place == nullptr) place = &slot;
    if (found != 0) continue;
    if (place == nullptr) {
      place = &slot;
      ++used_;
    }
    break;
  }
  ++live_;
  // The mask first: whoever finds the key finds its bit.  In a dead slot a reader of the former key
  // may see the bit too, which is a false positive.
  place->mask.store(bit_mask, std::memory_order_release);
  place->key.store(key, std::memory_order_release);
}

void MaskTable::clear(uint64_t key, unsigned bit) {
  DCHECK(bit < 64);
  const uint64_t bit_mask = uint64_t{1} << bit;
  std::lock_guard lock(mutex_);
  if (key == 0) {
    mask_of_zero_.fetch_and(~bit_mask, std::memory_order_release);
    return;
  }
  for (uint64_t i = owned_->home(key);; i = (i + 1) & owned_->last) {
    Slot& slot = owned_->slot(i);
    const uint64_t found = slot.key.load(std::memory_order_relaxed);
    if (found == 0) return;
    if (found != key) continue;
    const uint64_t mask = slot.mask.load(std::memory_order_relaxed);
    slot.mask.store(mask & ~bit_mask, std::memory_order_release);
    if (mask != 0 && (mask & ~bit_mask) == 0) --live_;
    break;
  }
  if (owned_->slots() > kMinSlots && live_ < owned_->slots() / 8) rebuild(std::bit_ceil(live_ * 2));
}

void MaskTable::rebuild(uint64_t slots) {
  auto fresh = std::make_unique<Generation>(std::max(slots, kMinSlots));
  for (uint64_t i = 0; i < owned_->slots(); ++i) {
    const Slot& from = owned_->slot(i);
    const uint64_t mask = from.mask.load(std::memory_order_relaxed);
    if (mask == 0) continue;
    const uint64_t key = from.key.load(std::memory_order_relaxed);
    uint64_t to = fresh->home(key);
    while (fresh->slot(to).key.load(std::memory_order_relaxed) != 0) to = (to + 1) & fresh->last;
    fresh->slot(to).mask.store(mask, std::memory_order_relaxed);
    fresh->slot(to).key.store(key, std::memory_order_relaxed);
  }
  used_ = live_;
  // Release: a reader that gets the new pointer sees the new slots filled.
  current_.store(fresh.get(), std::memory_order_release);
  retired_.push_back({number_++, std::exchange(owned_, std::move(fresh))});
  has_retired_.store(true, std::memory_order_relaxed);
}

size_t MaskTable::size() const {
  std::lock_guard lock(mutex_);
  return live_ + (mask_of_zero_.load(std::memory_order_relaxed) != 0 ? 1 : 0);
}

size_t MaskTable::memory() const {
  std::lock_guard lock(mutex_);
  size_t slots = owned_->slots();
  for (const Retired& retired : retired_) slots += retired.generation->slots();
  return slots * sizeof(Slot);
}

uint64_t MaskTable::begin_reclaim() const {
  std::lock_guard lock(mutex_);
  return retired_.empty() ? 0 : retired_.back().number;
}

void MaskTable::reclaim(uint64_t ticket) {
  std::vector<Retired> freed;
  {
    std::lock_guard lock(mutex_);
    const auto kept =
        std::ranges::find_if(retired_, [&](const Retired& r) { return r.number > ticket; });
    std::move(retired_.begin(), kept, std::back_inserter(freed));
    retired_.erase(retired_.begin(), kept);
    has_retired_.store(!retired_.empty(), std::memory_order_relaxed);
  }
  // The memory itself is freed here, after the lock: it may be many megabytes.
}

}  // namespace tombo
