#include "base/sync/fence.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/sync/thread.h"

namespace tombo {
namespace {

TEST(Fence, waits_for_every_shard) {
  Fence fence(3);
  const Fence::Snapshot before = fence.snapshot();
  fence.pass(0);
  fence.pass(2);
  EXPECT_FALSE(fence.passed(before));
  fence.pass(1);
  EXPECT_TRUE(fence.passed(before));
}

TEST(Fence, counts_no_turn_that_ended_before) {
  Fence fence(1);
  fence.pass(0);
  EXPECT_FALSE(fence.passed(fence.snapshot()));
}

TEST(Fence, does_not_wait_for_an_idle_shard) {
  Fence fence(2);
  fence.set_idle(1, true);
  const Fence::Snapshot before = fence.snapshot();
  fence.pass(0);
  EXPECT_TRUE(fence.passed(before));
}

TEST(Fence, does_not_wait_for_a_shard_that_was_idle_in_between) {
  Fence fence(1);
  const Fence::Snapshot before = fence.snapshot();
  fence.set_idle(0, true);
  EXPECT_TRUE(fence.passed(before));
  fence.set_idle(0, false);
  EXPECT_TRUE(fence.passed(before));
  EXPECT_FALSE(fence.passed(fence.snapshot()));
}

TEST(Fence, takes_the_same_announcement_twice) {
  Fence fence(1);
  fence.set_idle(0, true);
  fence.set_idle(0, true);
  EXPECT_TRUE(fence.passed(fence.snapshot()));
  fence.set_idle(0, false);
  fence.set_idle(0, false);
  EXPECT_FALSE(fence.passed(fence.snapshot()));
}

TEST(Fence, has_passed_at_once_without_shards) {
  Fence fence(0);
  EXPECT_TRUE(fence.passed(fence.snapshot()));
}

// Readers use a number that the owner replaces and frees: the sanitizers see a read after that.
TEST(FenceRace, lets_nothing_be_freed_that_is_in_use) {
  constexpr unsigned kShards = 3;
  Fence fence(kShards);
  std::atomic<const int*> published{new int(0)};
  std::atomic<bool> stop{false};
  std::vector<Thread> shards;
  for (unsigned shard = 0; shard < kShards; ++shard) {
    shards.emplace_back("reader", [&, shard] {
      int newest = 0;
      for (int turn = 0; !stop.load(std::memory_order_relaxed); ++turn) {
        const int* seen = published.load(std::memory_order_acquire);
        EXPECT_GE(*seen, newest);
        newest = *seen;
        fence.pass(shard);
        // Only one of them sleeps now and then: sleeping must not be what makes the others pass.
        if (shard != 0 || turn % 8 != 0) continue;
        fence.set_idle(shard, true);
        std::this_thread::yield();
        fence.set_idle(shard, false);
      }
      fence.set_idle(shard, true);
    });
  }
  for (int i = 1; i <= 50; ++i) {
    const int* old = published.exchange(new int(i), std::memory_order_acq_rel);
    const Fence::Snapshot before = fence.snapshot();
    while (!fence.passed(before)) std::this_thread::yield();
    delete old;
  }
  stop = true;
  shards.clear();
  delete published.load();
}

}  // namespace
}  // namespace tombo
