#include "base/leaky_bucket.h"

#include <gtest/gtest.h>

namespace tombo {
namespace {

using std::chrono::milliseconds;

constexpr Time kStart{milliseconds(1'000'000)};

TEST(LeakyBucket, takes_a_seconds_worth_at_once_and_lets_the_next_wait) {
  LeakyBucket bucket;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(bucket.add(1, 10, kStart), Duration(0)) << i;
  EXPECT_EQ(bucket.add(1, 10, kStart), Duration(100));
  EXPECT_EQ(bucket.add(1, 10, kStart), Duration(200));
}

TEST(LeakyBucket, holds_the_rate_on_average) {
  LeakyBucket bucket;
  Time now = kStart;
  int sent = 0;
  while (now < kStart + std::chrono::seconds(100)) {
    ++sent;
    now += bucket.add(1, 7, now);
  }
  EXPECT_GE(sent, 7 * 100 - 7);
  EXPECT_LE(sent, 7 * 101 + 1);
}

TEST(LeakyBucket, is_empty_again_after_what_it_held_has_leaked) {
  LeakyBucket bucket;
  EXPECT_EQ(bucket.add(3000, 1000, kStart), Duration(2000));
  EXPECT_EQ(bucket.level(1000, kStart + milliseconds(2000)), 1000);
  EXPECT_EQ(bucket.level(1000, kStart + milliseconds(3000)), 0);
  EXPECT_EQ(bucket.level(1000, kStart + milliseconds(9000)), 0);
}

TEST(LeakyBucket, does_not_run_backwards) {
  LeakyBucket bucket;
  bucket.add(5, 10, kStart);
  EXPECT_EQ(bucket.level(10, kStart - milliseconds(500)), 5);
  EXPECT_EQ(bucket.level(10, kStart + milliseconds(100)), 4);
}

TEST(LeakyBucket, tries_up_to_the_burst_and_no_further) {
  LeakyBucket bucket;
  constexpr double kPerMinute = 3.0 / 60;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.try_add(1, kPerMinute, 3, kStart)) << i;
  EXPECT_FALSE(bucket.try_add(1, kPerMinute, 3, kStart));
  EXPECT_FALSE(bucket.try_add(1, kPerMinute, 3, kStart + milliseconds(19'999)));
  EXPECT_TRUE(bucket.try_add(1, kPerMinute, 3, kStart + milliseconds(20'000)));
  EXPECT_FALSE(bucket.try_add(1, kPerMinute, 3, kStart + milliseconds(20'000)));
}

}  // namespace
}  // namespace tombo
