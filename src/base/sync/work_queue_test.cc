#include "base/sync/work_queue.h"

#include <atomic>
#include <vector>

#include <gtest/gtest.h>

#include "base/sync/thread.h"

namespace tombo {
namespace {

TEST(WorkQueue, gives_work_in_the_order_it_came) {
  WorkQueue<int> queue(3, 100);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.try_push(i, 1));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.pop(), i);
}

TEST(WorkQueue, refuses_more_items_than_its_bound) {
  WorkQueue<int> queue(2, 100);
  EXPECT_TRUE(queue.try_push(1, 0));
  EXPECT_TRUE(queue.try_push(2, 0));
  EXPECT_FALSE(queue.try_push(3, 0));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_TRUE(queue.try_push(3, 0));
}

TEST(WorkQueue, refuses_more_weight_than_its_bound) {
  WorkQueue<int> queue(100, 10);
  EXPECT_FALSE(queue.try_push(0, 11));
  EXPECT_TRUE(queue.try_push(1, 6));
  EXPECT_FALSE(queue.try_push(2, 5));
  EXPECT_TRUE(queue.try_push(3, 4));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_TRUE(queue.try_push(2, 6));
}

TEST(WorkQueue, tells_when_it_is_closed) {
  WorkQueue<int> queue(2, 10);
  EXPECT_FALSE(queue.is_closed());
  EXPECT_FALSE(queue.wait_closed(std::chrono::milliseconds(1)));
  const Thread closes("closes", [&queue] { queue.close(); });
  EXPECT_TRUE(queue.wait_closed(std::chrono::milliseconds(60'000)));
  EXPECT_TRUE(queue.is_closed());
}

TEST(WorkQueue, sends_everybody_away_when_it_is_closed) {
  WorkQueue<int> queue(2, 10);
  EXPECT_TRUE(queue.try_push(1, 1));
  std::optional<int> seen = 7;
  Thread waits("waits", [&] {
    while ((seen = queue.pop())) continue;
  });
  queue.close();
  waits.join();
  EXPECT_EQ(seen, std::nullopt);
  EXPECT_FALSE(queue.try_push(2, 1));
}

TEST(WorkQueue, hands_every_item_to_one_of_many_consumers) {
  constexpr int kProducers = 3;
  constexpr int kItems = 20'000;
  WorkQueue<int> queue(64, 64);
  std::atomic<int64_t> sum{0};
  std::atomic<int> count{0};
  {
    std::vector<Thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back("consumer", [&] {
        while (const std::optional<int> item = queue.pop()) {
          sum += *item;
          if (++count == kProducers * kItems) queue.close();
        }
      });
    }
    for (int i = 0; i < kProducers; ++i) {
      threads.emplace_back("producer", [&] {
        for (int k = 1; k <= kItems; ++k) {
          while (!queue.try_push(k, 1)) std::this_thread::yield();
        }
      });
    }
  }
  EXPECT_EQ(sum, int64_t{kProducers} * kItems * (kItems + 1) / 2);
}

}  // namespace
}  // namespace tombo
