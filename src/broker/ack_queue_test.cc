#include "broker/ack_queue.h"

#include <utility>

#include <gtest/gtest.h>

namespace tombo::broker {
namespace {

using mqtt::PacketId;
using mqtt::Qos;

AckQueue::Place place(uint16_t id, uint8_t remaining) {
  return {.packet_id = PacketId(id), .qos = Qos::at_least_once, .remaining = remaining};
}

TEST(AckQueue, holds_back_a_settled_place_behind_an_open_one) {
  AckQueue queue;
  const uint32_t first = queue.open(place(1, 1));
  const uint32_t second = queue.open(place(2, 1));
  queue.settle(second, true);
  EXPECT_FALSE(queue.ready());
  queue.settle(first, false);
  ASSERT_TRUE(queue.ready());
  const AckQueue::Place elder = queue.pop();
  EXPECT_EQ(elder.packet_id, PacketId(1));
  EXPECT_FALSE(elder.matched);
  const AckQueue::Place younger = queue.pop();
  EXPECT_EQ(younger.packet_id, PacketId(2));
  EXPECT_TRUE(younger.matched);
  EXPECT_TRUE(queue.empty());
}

TEST(AckQueue, waits_for_every_shard) {
  AckQueue queue;
  const uint32_t number = queue.open(place(1, 3));
  queue.settle(number, false);
  queue.settle(number, true);
  EXPECT_FALSE(queue.ready());
  queue.settle(number, false);
  ASSERT_TRUE(queue.ready());
  EXPECT_TRUE(queue.pop().matched) << "one of them is enough";
}

TEST(AckQueue, ignores_settling_of_places_that_are_gone_or_settled) {
  AckQueue queue;
  const uint32_t number = queue.open(place(1, 1));
  queue.settle(number, false);
  queue.settle(number, true);
  EXPECT_FALSE(queue.pop().matched);
  queue.settle(number, true);
  queue.settle(number + 1, true);
  EXPECT_TRUE(queue.empty());
  queue.open(place(2, 1));
  queue.settle(number, true);
  EXPECT_FALSE(queue.ready());
}

TEST(AckQueue, takes_places_that_wait_for_nobody) {
  AckQueue queue;
  const uint32_t open = queue.open(place(1, 1));
  queue.open(place(2, 0));
  EXPECT_FALSE(queue.ready());
  queue.settle(open, false);
  EXPECT_EQ(queue.pop().packet_id, PacketId(1));
  EXPECT_TRUE(queue.ready());
  EXPECT_EQ(queue.pop().packet_id, PacketId(2));
}

TEST(AckQueue, counts_what_is_counted_nowhere_else) {
  AckQueue queue;
  const uint32_t first = queue.open(place(1, 1));
  AckQueue::Place exactly_once = place(2, 1);
  exactly_once.received = true;
  const uint32_t second = queue.open(std::move(exactly_once));
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(queue.counted(), 1U);
  queue.settle(first, false);
  queue.pop();
  EXPECT_EQ(queue.counted(), 0U);
  queue.settle(second, false);
  queue.pop();
  EXPECT_EQ(queue.counted(), 0U);
}

TEST(AckQueue, keeps_its_numbers_over_many_places) {
  AckQueue queue;
  uint16_t oldest = 1;
  for (uint16_t id = 1; id <= 20'000; ++id) {
    const uint32_t number = queue.open(place(id, 1));
    queue.settle(number, true);
    // Up to a hundred are kept in between.
    if (id % 100 != 0) continue;
    while (queue.ready()) EXPECT_EQ(queue.pop().packet_id, PacketId(oldest++));
    EXPECT_TRUE(queue.empty());
  }
}

}  // namespace
}  // namespace tombo::broker
