#include "broker/shared_group.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "base/random.h"

namespace tombo::broker {
namespace {

SessionRef session(uint32_t index) {
  return {ShardId(0), {index, 1}};
}

SharedGroup group_of(uint32_t members) {
  SharedGroup group;
  group.name = "g/a/+";
  for (uint32_t i = 0; i < members; ++i) {
    group.members.push_back({.session = session(i), .online = true});
  }
  return group;
}

uint32_t choose(SharedGroup& group) {
  return group.choose().session.session.index;
}

TEST(SharedGroup, knows_its_filter) {
  EXPECT_EQ(group_of(0).filter(), "a/+");
}

TEST(SharedGroup, gives_each_member_its_turn) {
  SharedGroup group = group_of(3);
  for (uint32_t turn = 0; turn < 9; ++turn) EXPECT_EQ(choose(group), turn % 3);
}

TEST(SharedGroup, passes_over_members_that_are_away) {
  SharedGroup group = group_of(3);
  group.members[1].online = false;
  EXPECT_EQ(choose(group), 0U);
  EXPECT_EQ(choose(group), 2U);
  EXPECT_EQ(choose(group), 0U);
  group.members[1].online = true;
  EXPECT_EQ(choose(group), 1U);
}

TEST(SharedGroup, takes_all_in_turn_when_all_are_away) {
  SharedGroup group = group_of(2);
  for (auto& member : group.members) member.online = false;
  EXPECT_EQ(choose(group), 0U);
  EXPECT_EQ(choose(group), 1U);
  EXPECT_EQ(choose(group), 0U);
}

TEST(SharedGroup, keeps_the_turn_when_a_member_leaves) {
  SharedGroup group = group_of(4);
  EXPECT_EQ(choose(group), 0U);
  EXPECT_EQ(choose(group), 1U);
  group.remove(session(0));  // had its turn
  EXPECT_EQ(choose(group), 2U);
  group.remove(session(3));  // would be next
  EXPECT_EQ(choose(group), 1U);
  EXPECT_EQ(choose(group), 2U);
  group.remove(session(7));  // never was a member
  EXPECT_EQ(choose(group), 1U);
}

TEST(SharedGroup, tells_sessions_of_different_shards_and_generations_apart) {
  SharedGroup group;
  group.members.push_back({.session = {ShardId(1), {5, 1}}});
  EXPECT_EQ(group.find({ShardId(2), {5, 1}}), nullptr);
  EXPECT_EQ(group.find({ShardId(1), {5, 3}}), nullptr);
  EXPECT_NE(group.find({ShardId(1), {5, 1}}), nullptr);
}

TEST(SharedGroup, is_fair_while_members_come_and_go) {
  const uint64_t seed = static_cast<uint64_t>(testing::UnitTest::GetInstance()->random_seed()) + 1;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  SharedGroup group = group_of(5);
  for (int round = 0; round < 200; ++round) {
    if (random.one_in(3) && group.members.size() > 1) {
      group.remove(group.members[random.below(group.members.size())].session);
    } else if (random.one_in(2)) {
      group.members.push_back(
          {.session = session(100 + static_cast<uint32_t>(round)), .online = true});
    }
    std::map<uint32_t, int> turns;
    for (size_t i = 0; i < group.members.size(); ++i) ++turns[choose(group)];
    EXPECT_EQ(turns.size(), group.members.size()) << "each once in a round";
  }
}

TEST(SharedGroups, finds_groups_by_name_and_forgets_them) {
  SharedGroups groups;
  const GroupId first = groups.add("g/a").first;
  const GroupId second = groups.add("g/b").first;
  EXPECT_EQ(groups.find("g/a"), first);
  EXPECT_EQ(groups.find("g/b"), second);
  groups.erase(first);
  EXPECT_FALSE(groups.find("g/a"));
  EXPECT_EQ(groups.find(first), nullptr);
  EXPECT_EQ(groups.size(), 1U);
}

}  // namespace
}  // namespace tombo::broker
