#include "base/random.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

#include <gtest/gtest.h>

namespace tombo {
namespace {

TEST(Random, repeats_itself_for_the_same_seed) {
  Random a(42);
  Random b(42);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
}

TEST(Random, differs_between_seeds) {
  Random a(0);
  Random b(1);
  EXPECT_NE(a.next(), b.next());
}

TEST(Random, stays_below_its_bound_and_reaches_all_numbers) {
  Random random(1);
  std::array<int, 6> seen{};
  for (int i = 0; i < 6000; ++i) ++seen[random.below(6)];
  for (const int count : seen) EXPECT_NEAR(count, 1000, 200);
  EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, draws_between_any_two_numbers) {
  Random random(2);
  for (int i = 0; i < 1000; ++i) {
    const int64_t n = random.between(-3, 3);
    EXPECT_GE(n, -3);
    EXPECT_LE(n, 3);
  }
  EXPECT_EQ(random.between(5, 5), 5);
  static_cast<void>(random.between(INT64_MIN, INT64_MAX));
}

TEST(Random, draws_fractions_below_one) {
  Random random(3);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double x = random.unit();
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
    sum += x;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);
}

TEST(Random, shuffles) {
  Random random(4);
  std::array<int, 50> cards{};
  std::iota(cards.begin(), cards.end(), 0);
  std::shuffle(cards.begin(), cards.end(), random);
  EXPECT_FALSE(std::is_sorted(cards.begin(), cards.end()));
}

}  // namespace
}  // namespace tombo
