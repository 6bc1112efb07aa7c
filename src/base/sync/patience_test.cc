#include "base/sync/patience.h"

#include <gtest/gtest.h>

#include "base/sync/thread.h"

namespace tombo {
namespace {

using std::chrono::milliseconds;

TEST(Patience, is_none_until_it_is_allowed) {
  Patience patience;
  Patience::Wait wait(patience);
  EXPECT_FALSE(wait.again(milliseconds(60'000)));
  patience.allow(true);
  EXPECT_TRUE(wait.again(milliseconds(1)));
}

TEST(Patience, counts_who_waits_until_they_are_done) {
  Patience patience;
  patience.allow(true);
  {
    Patience::Wait wait(patience);
    EXPECT_EQ(patience.waiting(), 0U);
    for (int times = 0; times < 3; ++times) {
      EXPECT_TRUE(wait.again(milliseconds(0)));
      EXPECT_EQ(patience.waiting(), 1U);
    }
  }
  EXPECT_EQ(patience.waiting(), 0U);
}

TEST(Patience, ends_at_once_when_it_is_not_allowed_any_more) {
  Patience patience;
  patience.allow(true);
  bool went_on = true;
  {
    const Thread thread("waits", [&] {
      Patience::Wait wait(patience);
      went_on = wait.again(milliseconds(60'000));
    });
    while (patience.waiting() == 0) {
    }
    patience.allow(false);
  }
  EXPECT_FALSE(went_on);
}

}  // namespace
}  // namespace tombo
