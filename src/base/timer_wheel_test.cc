#include "base/timer_wheel.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"

namespace tombo {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

constexpr Duration kDay = 24h;
constexpr Duration kYear = 365 * kDay;
const Time kStart = Time(Duration(123'456'789));

class TimerWheelTest : public testing::Test {
 protected:
  // The owners of the timers that fire, in order.
  std::vector<uint32_t> advance(Duration since_start) {
    std::vector<uint32_t> fired;
    wheel.advance(kStart + since_start, [&](Timer& timer) {
      EXPECT_FALSE(timer.armed());
      fired.push_back(timer.owner);
    });
    return fired;
  }

  void arm(Timer& timer, Duration since_start) { wheel.arm(timer, kStart + since_start); }

  TimerWheel wheel{kStart};
  Timer a{1, 0};
  Timer b{2, 0};
  Timer c{3, 0};
};

using Owners = std::vector<uint32_t>;

TEST_F(TimerWheelTest, fires_exactly_at_the_deadline) {
  arm(a, 1001ms);
  EXPECT_TRUE(a.armed());
  EXPECT_EQ(a.deadline(), kStart + 1001ms);
  EXPECT_EQ(advance(1000ms), Owners{});
  EXPECT_EQ(advance(1001ms), Owners{1});
  EXPECT_FALSE(a.armed());
  EXPECT_EQ(advance(5000ms), Owners{});
}

TEST_F(TimerWheelTest, fires_in_the_order_of_deadlines) {
  arm(a, 3 * kDay);
  arm(b, 5ms);
  arm(c, 90s);
  EXPECT_EQ(advance(4 * kDay), (Owners{2, 3, 1}));
}

TEST_F(TimerWheelTest, fires_equal_deadlines_in_the_order_of_arming) {
  arm(b, 90s);
  EXPECT_EQ(advance(89s), Owners{});
  arm(a, 90s);
  arm(c, 90s);
  EXPECT_EQ(advance(91s), (Owners{2, 1, 3}));
}

TEST_F(TimerWheelTest, fires_a_deadline_that_has_passed_at_the_next_advance) {
  EXPECT_EQ(advance(10s), Owners{});
  arm(a, 9s);
  arm(b, 10s);
  arm(c, -1h);
  EXPECT_EQ(wheel.next_deadline(), kStart + 10s);
  EXPECT_EQ(advance(10s), (Owners{1, 2, 3}));
}

TEST_F(TimerWheelTest, forgets_a_cancelled_timer) {
  arm(a, 1s);
  arm(b, 1s);
  wheel.cancel(a);
  wheel.cancel(c);
  EXPECT_FALSE(a.armed());
  EXPECT_EQ(wheel.size(), 1u);
  EXPECT_EQ(advance(2s), Owners{2});
}

TEST_F(TimerWheelTest, moves_an_armed_timer) {
  arm(a, 1s);
  arm(a, 2s);
  EXPECT_EQ(wheel.size(), 1u);
  EXPECT_EQ(advance(1s), Owners{});
  EXPECT_EQ(advance(2s), Owners{1});
}

TEST_F(TimerWheelTest, forgets_a_destroyed_timer) {
  {
    Timer gone;
    arm(gone, 1s);
    EXPECT_EQ(wheel.size(), 1u);
  }
  EXPECT_EQ(wheel.size(), 0u);
  EXPECT_EQ(wheel.next_deadline(), std::nullopt);
  EXPECT_EQ(advance(2s), Owners{});
}

TEST_F(TimerWheelTest, disarms_what_outlives_the_wheel) {
  {
    TimerWheel other(kStart);
    other.arm(a, kStart + 1s);
    other.arm(b, kStart - 1s);
  }
  EXPECT_FALSE(a.armed());
  EXPECT_FALSE(b.armed());
}

TEST_F(TimerWheelTest, lets_a_timer_arm_itself_again) {
  arm(a, 1s);
  std::vector<Time> fired;
  wheel.advance(kStart + 10s, [&](Timer& timer) {
    fired.push_back(timer.deadline());
    wheel.arm(timer, timer.deadline() + 1s);
  });
  EXPECT_EQ(fired, std::vector<Time>{kStart + 1s});
  EXPECT_EQ(advance(10s), Owners{1});
}

TEST_F(TimerWheelTest, lets_a_timer_cancel_and_destroy_others_that_are_due) {
  auto doomed = std::make_unique<Timer>(4, uint8_t{0});
  arm(a, 1s);
  arm(b, 1s);
  arm(*doomed, 1s);
  Owners fired;
  wheel.advance(kStart + 1s, [&](Timer& timer) {
    fired.push_back(timer.owner);
    wheel.cancel(b);
    doomed = nullptr;
  });
  EXPECT_EQ(fired, Owners{1});
}

TEST_F(TimerWheelTest, lets_a_timer_destroy_itself) {
  auto own = std::make_unique<Timer>(4, uint8_t{0});
  arm(*own, 1s);
  wheel.advance(kStart + 1s, [&](Timer&) { own = nullptr; });
  EXPECT_EQ(wheel.size(), 0u);
}

TEST_F(TimerWheelTest, ignores_a_clock_that_goes_back) {
  EXPECT_EQ(advance(10s), Owners{});
  arm(a, 11s);
  EXPECT_EQ(advance(5s), Owners{});
  EXPECT_EQ(advance(11s), Owners{1});
}

TEST_F(TimerWheelTest, works_for_136_years) {
  arm(a, 136 * kYear);
  arm(b, 136 * kYear - 1ms);
  EXPECT_EQ(advance(136 * kYear - 1ms), Owners{2});
  EXPECT_EQ(advance(136 * kYear), Owners{1});
  arm(c, 272 * kYear);
  EXPECT_EQ(advance(273 * kYear), Owners{3});
}

TEST_F(TimerWheelTest, never_fires_a_deadline_beyond_its_reach) {
  wheel.arm(a, Time::max());
  EXPECT_EQ(a.deadline(), Time::max());
  EXPECT_EQ(advance(10'000 * kYear), Owners{});
  EXPECT_TRUE(a.armed());
  EXPECT_EQ(advance(20'000 * kYear), Owners{});
  EXPECT_TRUE(wheel.next_deadline().has_value());
}

TEST_F(TimerWheelTest, has_no_next_deadline_without_timers) {
  EXPECT_EQ(wheel.next_deadline(), std::nullopt);
}

TEST_F(TimerWheelTest, gathers_near_deadlines_on_a_grid) {
  arm(a, 33ms);
  arm(b, 47ms);
  EXPECT_EQ(wheel.next_deadline(), kStart + 48ms);
  EXPECT_EQ(advance(48ms), (Owners{1, 2}));
}

// How often a loop that sleeps until next_deadline() wakes up before nothing is left.
int wake_ups(TimerWheel& wheel) {
  int n = 0;
  for (auto next = wheel.next_deadline(); next; next = wheel.next_deadline(), ++n) {
    wheel.advance(*next, [](Timer&) {});
  }
  return n;
}

TEST_F(TimerWheelTest, wakes_the_loop_only_a_few_times_for_a_timer) {
  for (const Duration delay : {Duration(1), Duration(90s), Duration(30 * kDay), 136 * kYear}) {
    TimerWheel fresh(kStart);
    fresh.arm(a, kStart + delay);
    EXPECT_LE(wake_ups(fresh), 8) << delay.count() << " ms";
  }
}

TEST_F(TimerWheelTest, does_not_wake_the_loop_for_destroyed_timers) {
  for (int i = 1; i < 100; ++i) {
    Timer gone;
    arm(gone, i * 7s);
  }
  arm(a, 1h);
  EXPECT_LE(wake_ups(wheel), 8);
}

/// The naive wheel: a sorted set of what is armed.
class Model {
 public:
  explicit Model(Time start) : reached_(start) {}

  void arm(uint32_t owner, Time deadline) {
    cancel(owner);
    // Overdue timers sort in front, by the order of arming alone.
    const bool overdue = deadline <= reached_;
    armed_.insert({!overdue, overdue ? Time() : deadline, ++arms_, owner});
  }

  void cancel(uint32_t owner) {
    std::erase_if(armed_, [&](const Entry& entry) { return std::get<3>(entry) == owner; });
  }

  void begin_advance(Time now) {
    reached_ = std::max(reached_, now);
    last_arm_ = arms_;
  }

  /// Takes out the timer that must fire now, if any.
  std::optional<uint32_t> next_due() {
    for (const Entry& entry : armed_) {
      const auto [later, deadline, arm, owner] = entry;
      if (later && deadline > reached_) return std::nullopt;
      if (!later && arm > last_arm_) continue;
      const uint32_t due = owner;
      armed_.erase(entry);
      return due;
    }
    return std::nullopt;
  }

  [[nodiscard]] size_t size() const { return armed_.size(); }

  [[nodiscard]] bool has_overdue() const {
    return !armed_.empty() && !std::get<0>(*armed_.begin());
  }

  [[nodiscard]] Time first_deadline() const { return std::get<1>(*armed_.begin()); }

  [[nodiscard]] Time reached() const { return reached_; }

 private:
  using Entry = std::tuple<bool, Time, uint64_t, uint32_t>;

  std::set<Entry> armed_;
  uint64_t arms_ = 0;
  uint64_t last_arm_ = 0;
  Time reached_;
};

/// Does the same random things to a wheel and to its model.
class Workload {
 public:
  explicit Workload(uint64_t seed) : random_(seed), wheel_(kStart), model_(kStart) {
    for (uint32_t i = 0; i < 40; ++i) timers_.push_back(std::make_unique<Timer>(i, uint8_t{0}));
  }

  void step() {
    if (random_.one_in(4)) {
      advance();
    } else {
      touch_one();
    }
    check_next_deadline();
  }

 private:
  Duration random_delay() {
    // Every magnitude is equally likely, from the past to some hundred years.
    const auto bits = random_.below(44);
    return Duration(static_cast<int64_t>(random_.below(uint64_t{1} << bits))) - 5ms;
  }

  void touch_one() {
    const auto i = static_cast<uint32_t>(random_.below(timers_.size()));
    switch (random_.below(8)) {
      case 0:
        wheel_.cancel(*timers_[i]);
        model_.cancel(i);
        break;
      case 1:
        timers_[i] = std::make_unique<Timer>(i, uint8_t{0});
        model_.cancel(i);
        break;
      default: {
        const Time deadline = model_.reached() + random_delay();
        wheel_.arm(*timers_[i], deadline);
        model_.arm(i, deadline);
      }
    }
  }

  void advance() {
    Time now = model_.reached() + random_delay();
    if (random_.one_in(2)) now = wheel_.next_deadline().value_or(now);
    model_.begin_advance(now);
    wheel_.advance(now, [&](Timer& timer) {
      ASSERT_EQ(model_.next_due(), timer.owner);
      ASSERT_FALSE(timer.armed());
      if (random_.one_in(3)) touch_one();
    });
    ASSERT_EQ(model_.next_due(), std::nullopt);
    ASSERT_EQ(wheel_.size(), model_.size());
  }

  void check_next_deadline() {
    const std::optional<Time> next = wheel_.next_deadline();
    ASSERT_EQ(next.has_value(), model_.size() != 0);
    if (!next) return;
    if (model_.has_overdue()) {
      ASSERT_EQ(*next, model_.reached());
    } else {
      ASSERT_LE(*next, model_.first_deadline() + TimerWheel::kTick);
      ASSERT_GT(*next, model_.reached());
    }
  }

  Random random_;
  TimerWheel wheel_;
  Model model_;
  std::vector<std::unique_ptr<Timer>> timers_;
};

TEST(TimerWheelProperty, behaves_like_a_sorted_list) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Workload workload(seed);
    for (int i = 0; i < 1000 && !testing::Test::HasFatalFailure(); ++i) workload.step();
    ASSERT_FALSE(testing::Test::HasFatalFailure());
  }
}

}  // namespace
}  // namespace tombo
