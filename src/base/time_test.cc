#include "base/time.h"

#include <type_traits>

#include <gtest/gtest.h>

namespace tombo {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

static_assert(!std::is_convertible_v<Time, WallTime>);
static_assert(sizeof(Time) == 8 && sizeof(WallTime) == 8);

TEST(Time, counts_milliseconds) {
  const Time start;
  const Time later = start + 2s + 5ms;
  EXPECT_EQ((later - start).count(), 2005);
}

TEST(Now, rounds_the_wall_clock_down_to_seconds) {
  const Now now{.time = Time(), .wall_ms = 1'700'000'000'999};
  EXPECT_EQ(now.wall_s(), 1'700'000'000);
  EXPECT_EQ(now.wall(), WallTime(1'700'000'000s));
}

TEST(Now, rounds_down_before_1970_too) {
  const Now now{.time = Time(), .wall_ms = -1};
  EXPECT_EQ(now.wall_s(), -1);
}

}  // namespace
}  // namespace tombo
