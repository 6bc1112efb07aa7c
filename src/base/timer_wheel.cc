#include "base/timer_wheel.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

// A time is read as eight digits of six bits.  A timer lies on the level of the highest digit in
// which its deadline differs from the cursor, in the slot of that digit.  So all timers of a level
// share the cursor's digits above it: lower levels are due before higher ones, within a level the
// lowest occupied slot is first, nothing ever wraps round, and moving the cursor up to (not into)
// the first occupied slot leaves every timer where it belongs.

namespace tombo {

static_assert(sizeof(Timer) == 32);

void TimerNode::unlink() {
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = this;
}

void TimerNode::insert_before(TimerNode& place) {
  previous_ = place.previous_;
  next_ = &place;
  previous_->next_ = this;
  place.previous_ = this;
}

TimerWheel::TimerWheel(Time start) : start_(start) {}

TimerWheel::~TimerWheel() {
  while (!overdue_.alone()) overdue_.next_->unlink();
  while (!firing_.alone()) firing_.next_->unlink();
  for (TimerNode& list : heads_) {
    while (!list.alone()) list.next_->unlink();
  }
}

uint64_t TimerWheel::since_start_ms(Time time) const {
  if (time <= start_) return 0;
  // Unsigned, since Time::max() less an early start does not fit a signed number.
  const uint64_t ms = static_cast<uint64_t>(time.time_since_epoch().count()) -
                      static_cast<uint64_t>(start_.time_since_epoch().count());
  return std::min(ms, kHorizonMs - 1);
}

void TimerWheel::arm(Timer& timer, Time deadline) {
  timer.unlink();
  timer.deadline_ = deadline;
  const uint64_t due_ms = since_start_ms(deadline);
  if (due_ms <= reached_ms_) {
    timer.insert_before(overdue_);
  } else {
    place(timer, due_ms);
  }
}

void TimerWheel::place(Timer& timer, uint64_t due_ms) {
  DCHECK(due_ms > cursor_ms_);
  const auto top_bit = static_cast<unsigned>(std::bit_width((due_ms ^ cursor_ms_) | 1)) - 1;
  const unsigned level = top_bit / kSlotBits;
  const unsigned slot = (due_ms >> (level * kSlotBits)) % kSlots;
  timer.insert_before(head(level, slot));
  occupied_[level] |= uint64_t{1} << slot;
}

std::optional<TimerWheel::Place> TimerWheel::first_occupied() const {
  for (unsigned level = 0; level < kLevels; ++level) {
    while (occupied_[level] != 0) {
      const auto slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
      if (head(level, slot).alone()) {
        occupied_[level] &= occupied_[level] - 1;
        continue;
      }
      const unsigned shift = level * kSlotBits;
      const uint64_t digits_above = cursor_ms_ >> (shift + kSlotBits) << (shift + kSlotBits);
      return Place{level, slot, digits_above | uint64_t{slot} << shift};
    }
  }
  return std::nullopt;
}

void TimerWheel::begin_advance(Time now) {
  DCHECK(firing_.alone(), "advance() called from within fire()");
  // The horizon itself is never reached, so deadlines clamped to it never fire.
  reached_ms_ = std::max(reached_ms_, std::min(since_start_ms(now), kHorizonMs - 2));
  while (!overdue_.alone()) {
    TimerNode& timer = *overdue_.next_;
    timer.unlink();
    timer.insert_before(firing_);
  }
}

Timer* TimerWheel::next_due() {
  while (firing_.alone()) {
    const std::optional<Place> first = first_occupied();
    if (!first || first->begin_ms > reached_ms_) {
      cursor_ms_ = reached_ms_;
      return nullptr;
    }
    cursor_ms_ = first->begin_ms;
    cascade(*first);
  }
  Timer& timer = static_cast<Timer&>(*firing_.next_);
  timer.unlink();
  return &timer;
}

void TimerWheel::cascade(const Place& from) {
  TimerNode& list = head(from.level, from.slot);
  occupied_[from.level] &= ~(uint64_t{1} << from.slot);
  while (!list.alone()) {
    Timer& timer = static_cast<Timer&>(*list.next_);
    timer.unlink();
    const uint64_t due_ms = since_start_ms(timer.deadline_);
    if (due_ms == cursor_ms_) {
      timer.insert_before(firing_);
    } else {
      place(timer, due_ms);
    }
  }
}

std::optional<Time> TimerWheel::next_deadline() const {
  uint64_t due_ms = reached_ms_;
  if (overdue_.alone() && firing_.alone()) {
    const std::optional<Place> first = first_occupied();
    if (!first) return std::nullopt;
    constexpr auto kTickMs = static_cast<uint64_t>(kTick.count());
    due_ms = (first->begin_ms + kTickMs - 1) / kTickMs * kTickMs;
  }
  return start_ + Duration(static_cast<int64_t>(due_ms));
}

size_t TimerWheel::size() const {
  const auto length = [](const TimerNode& list) {
    size_t n = 0;
    for (const TimerNode* node = list.next_; node != &list; node = node->next_) ++n;
    return n;
  };
  size_t n = length(overdue_) + length(firing_);
  for (const TimerNode& list : heads_) n += length(list);
  return n;
}

}  // namespace tombo
