#include "broker/refusal.h"

#include <gtest/gtest.h>

namespace tombo::broker {
namespace {

using Say = LoggedRefusals::Say;

TEST(LoggedRefusals, says_each_cause_once) {
  LoggedRefusals logged;
  EXPECT_EQ(logged.note(7), Say::cause);
  EXPECT_EQ(logged.note(8), Say::cause);
  EXPECT_EQ(logged.note(7), Say::nothing);
  EXPECT_EQ(logged.note(8), Say::nothing);
}

TEST(LoggedRefusals, says_once_that_there_are_too_many) {
  LoggedRefusals logged;
  for (uint64_t i = 1; i <= LoggedRefusals::kCausesMax; ++i) EXPECT_EQ(logged.note(i), Say::cause);
  EXPECT_EQ(logged.note(1), Say::nothing);
  EXPECT_EQ(logged.note(100), Say::end);
  EXPECT_EQ(logged.note(100), Say::nothing);
  EXPECT_EQ(logged.note(101), Say::nothing);
}

TEST(RecentRefusals, are_quiet_about_a_cause_for_a_while) {
  RecentRefusals recent;
  const Time start = Time{} + std::chrono::hours(5);
  EXPECT_TRUE(recent.note(7, start));
  EXPECT_FALSE(recent.note(7, start + RecentRefusals::kQuiet - Duration(1)));
  EXPECT_TRUE(recent.note(7, start + RecentRefusals::kQuiet));
  recent.clear();
  EXPECT_TRUE(recent.note(7, start + RecentRefusals::kQuiet));
}

TEST(RecentRefusals, forget_a_cause_for_another_in_its_place) {
  RecentRefusals recent;
  const Time now = Time{} + std::chrono::hours(5);
  EXPECT_TRUE(recent.note(1, now));
  EXPECT_TRUE(recent.note(2, now));
  EXPECT_TRUE(recent.note(1 + RecentRefusals::kPlaces, now));
  EXPECT_TRUE(recent.note(1, now));
  EXPECT_FALSE(recent.note(2, now));
}

}  // namespace
}  // namespace tombo::broker
