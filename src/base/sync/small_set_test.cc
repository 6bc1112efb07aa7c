#include "base/sync/small_set.h"

#include <cstdint>
#include <set>

#include <gtest/gtest.h>

namespace tombo {
namespace {

std::set<uint32_t> contents(const SmallSet<3>& set) {
  std::set<uint32_t> values;
  set.for_each([&](uint32_t value) { EXPECT_TRUE(values.insert(value).second); });
  return values;
}

using Values = std::set<uint32_t>;

TEST(SmallSet, holds_each_number_once) {
  SmallSet<3> set;
  EXPECT_TRUE(set.add(7));
  EXPECT_TRUE(set.add(7));
  EXPECT_TRUE(set.add(9));
  EXPECT_EQ(contents(set), (Values{7, 9}));
}

TEST(SmallSet, drops_a_number_with_its_last_use) {
  SmallSet<3> set;
  EXPECT_TRUE(set.add(7));
  EXPECT_TRUE(set.add(7));
  set.remove(7);
  EXPECT_EQ(contents(set), Values{7});
  set.remove(7);
  set.remove(7);
  EXPECT_EQ(contents(set), Values{});
}

TEST(SmallSet, refuses_a_new_number_when_it_is_full) {
  SmallSet<3> set;
  for (const uint32_t value : {1u, 2u, 3u}) EXPECT_TRUE(set.add(value));
  EXPECT_FALSE(set.add(4));
  EXPECT_TRUE(set.add(3));
  EXPECT_EQ(contents(set), (Values{1, 2, 3}));
}

TEST(SmallSet, uses_a_vacated_place_again) {
  SmallSet<3> set;
  for (const uint32_t value : {1u, 2u, 3u}) EXPECT_TRUE(set.add(value));
  set.remove(2);
  EXPECT_TRUE(set.add(4));
  EXPECT_EQ(contents(set), (Values{1, 3, 4}));
}

}  // namespace
}  // namespace tombo
