#include "base/check.h"

#include <gtest/gtest.h>

namespace tombo {
namespace {

TEST(Check, lets_a_true_condition_pass) {
  int evaluated = 0;
  CHECK(++evaluated == 1);
  CHECK(evaluated == 1, "text");
  EXPECT_EQ(evaluated, 1);
}

TEST(CheckDeathTest, prints_condition_place_and_text) {
  EXPECT_DEATH(CHECK(1 + 1 == 3, "arithmetic"),
               "check_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3: arithmetic");
}

TEST(CheckDeathTest, prints_condition_and_place_without_text) {
  EXPECT_DEATH(CHECK(false), "check_test.cc:[0-9]+: check failed: false\n");
}

TEST(CheckDeathTest, ends_the_process_at_an_unreachable_place) {
  EXPECT_DEATH(UNREACHABLE(), "unreachable");
}

TEST(CheckDeathTest, evaluates_debug_checks_in_debug_builds_only) {
  int evaluated = 0;
  DCHECK(++evaluated != 0);
#ifdef TOMBO_DEBUG
  EXPECT_EQ(evaluated, 1);
  EXPECT_DEATH(DCHECK(false, "debug"), "debug");
#else
  EXPECT_EQ(evaluated, 0);
  DCHECK(false, "debug");
#endif
}

TEST(Check, is_an_expression) {
  const auto checked = [](int x) { return CHECK(x > 0), x; };
  EXPECT_EQ(checked(3), 3);
}

}  // namespace
}  // namespace tombo
