#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace tombo {

/// A place in a circular list; a list's head is a node that is no Timer.
class TimerNode {
 public:
  TimerNode() : previous_(this), next_(this) {}

  TimerNode(const TimerNode&) = delete;
  TimerNode& operator=(const TimerNode&) = delete;
  ~TimerNode() = default;

 private:
  friend class Timer;
  friend class TimerWheel;

  [[nodiscard]] bool alone() const { return next_ == this; }

  void unlink();
  void insert_before(TimerNode& place);

  TimerNode* previous_;
  TimerNode* next_;
};

/// A deadline kept inside the object that waits for it (32 bytes).  Destroying it cancels it.
class Timer : private TimerNode {
 public:
  Timer() = default;

  Timer(uint32_t timer_owner, uint8_t timer_kind) : owner(timer_owner), kind(timer_kind) {}

  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  ~Timer() { unlink(); }

  [[nodiscard]] bool armed() const { return !alone(); }

  /// The deadline it was armed with last, also after it has fired.
  [[nodiscard]] Time deadline() const { return deadline_; }

 private:
  friend class TimerWheel;

  Time deadline_{};

 public:
  /// For the owner's use, such as a slab index and what to do: the wheel does not look at them.
  uint32_t owner = 0;
  uint8_t kind = 0;
};

/// Timers of one shard: O(1) to arm and cancel, exact to the millisecond of the time passed in.
/// Home: one thread.  Bound: none of its own, it allocates nothing (8 KiB of list heads).
/// Reach: 2^48 ms (8 900 years) from the start; a later deadline never fires.
/// A wheel that dies disarms its timers.
///   wheel.arm(keep_alive, now.time + 90s);
///   wheel.advance(now.time, [&](Timer& timer) { on_timer(timer.owner, timer.kind); });
class TimerWheel {
 public:
  /// Deadlines are gathered on this grid when the loop asks how long it may sleep.
  static constexpr Duration kTick{16};

  explicit TimerWheel(Time start);
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Arms the timer, or moves it if it is armed.  A deadline that has passed fires at the next
  /// advance().
  void arm(Timer& timer, Time deadline);

  /// Does nothing to a timer that is not armed.
  void cancel(Timer& timer) { timer.unlink(); }

  /// Calls fire(Timer&) for each timer whose deadline is not after `now`, disarmed before the call,
  /// in the order of deadlines and, for equal ones, of arming.  First come those that were armed
  /// when their deadline had passed, in the order of arming.
  ///
  /// `fire` may arm, cancel and destroy any timer, also its own, but not advance.  What it arms
  /// for a time not after `now` fires at the next advance(): a timer fires at most once here.
  ///
  /// A `now` earlier than before counts as the time reached before.
  template <class F>
  void advance(Time now, F&& fire) {
    begin_advance(now);
    while (Timer* timer = next_due()) fire(*timer);
  }

  /// When to call advance() next; nothing when no timer is armed.  Not later than the first
  /// deadline plus kTick, and later than the time last advanced to unless a timer is due already.
  /// It may be earlier than the first deadline, at most 7 times for one timer.  O(levels).
  [[nodiscard]] std::optional<Time> next_deadline() const;

  /// Timers armed.  For tests and statistics: walks all of them.
  [[nodiscard]] size_t size() const;

 private:
  static constexpr unsigned kLevels = 8;
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kSlots = 1u << kSlotBits;
  static constexpr uint64_t kHorizonMs = uint64_t{1} << (kLevels * kSlotBits);

  struct Place {
    unsigned level;
    unsigned slot;
    uint64_t begin_ms;
  };

  void begin_advance(Time now);
  Timer* next_due();
  [[nodiscard]] uint64_t since_start_ms(Time time) const;
  [[nodiscard]] std::optional<Place> first_occupied() const;
  void place(Timer& timer, uint64_t due_ms);
  void cascade(const Place& from);

  [[nodiscard]] const TimerNode& head(unsigned level, unsigned slot) const {
    return heads_[size_t{level} * kSlots + slot];
  }

  [[nodiscard]] TimerNode& head(unsigned level, unsigned slot) {
    return heads_[size_t{level} * kSlots + slot];
  }

  Time start_;
  uint64_t cursor_ms_ = 0;   // Since the start; every armed timer in `heads_` is due later.
  uint64_t reached_ms_ = 0;  // What advance() works towards; equal to the cursor outside of it.
  TimerNode overdue_;        // Armed when they were due already.
  TimerNode firing_;         // Taken out of the lists by advance(), not yet fired.
  // A bit may be set for an empty list, since a timer leaves without telling the wheel; never the
  // other way round.
  mutable std::array<uint64_t, kLevels> occupied_{};
  std::array<TimerNode, size_t{kLevels} * kSlots> heads_;
};

}  // namespace tombo
