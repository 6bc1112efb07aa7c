#include "base/strong_id.h"

#include <cstdint>
#include <type_traits>
#include <unordered_set>

#include <boost/container_hash/hash.hpp>
#include <gtest/gtest.h>

namespace tombo {
namespace {

using PacketId = StrongId<struct PacketIdTag, uint16_t>;
using ShardId = StrongId<struct ShardIdTag, uint16_t>;

static_assert(sizeof(PacketId) == sizeof(uint16_t));
static_assert(!std::is_convertible_v<uint16_t, PacketId>);
static_assert(!std::is_convertible_v<ShardId, PacketId>);
static_assert(!std::is_constructible_v<bool, PacketId>);

TEST(StrongId, is_zero_by_default) {
  EXPECT_EQ(PacketId().value(), 0);
}

TEST(StrongId, orders_as_its_number) {
  EXPECT_LT(PacketId(1), PacketId(2));
  EXPECT_EQ(PacketId(7), PacketId(7));
  EXPECT_NE(PacketId(7), PacketId(8));
}

TEST(StrongId, is_a_key_of_hash_tables) {
  std::unordered_set<PacketId> ids{PacketId(1), PacketId(2), PacketId(1)};
  EXPECT_EQ(ids.size(), 2u);
  EXPECT_EQ(boost::hash<PacketId>()(PacketId(1)), boost::hash<PacketId>()(PacketId(1)));
}

}  // namespace
}  // namespace tombo
