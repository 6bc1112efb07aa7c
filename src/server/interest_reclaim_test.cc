#include "server/interest_reclaim.h"

#include <gtest/gtest.h>

namespace tombo::server {
namespace {

TEST(InterestReclaim, frees_only_when_every_shard_has_ended_a_turn) {
  MaskTable table;
  Fence fence(2);
  InterestReclaim reclaim(table, fence);
  reclaim.step();
  EXPECT_FALSE(table.has_retired());

  for (uint64_t key = 1; key <= 1000; ++key) table.set(key * 7919, 1);
  ASSERT_TRUE(table.has_retired());
  const size_t with_garbage = table.memory();
  reclaim.step();
  fence.pass(0);
  reclaim.step();
  EXPECT_EQ(table.memory(), with_garbage);
  fence.pass(1);
  reclaim.step();
  EXPECT_FALSE(table.has_retired());
  EXPECT_LT(table.memory(), with_garbage);
}

TEST(InterestReclaim, does_not_wait_for_a_shard_that_sleeps) {
  MaskTable table;
  Fence fence(2);
  InterestReclaim reclaim(table, fence);
  for (uint64_t key = 1; key <= 1000; ++key) table.set(key * 7919, 1);
  fence.set_idle(1, true);
  reclaim.step();
  fence.pass(0);
  reclaim.step();
  EXPECT_FALSE(table.has_retired());
}

}  // namespace
}  // namespace tombo::server
