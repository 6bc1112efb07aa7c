#include "broker/allowed_topics.h"

#include <string>

#include <gtest/gtest.h>

namespace tombo::broker {
namespace {

TEST(AllowedTopics, knows_what_was_added_and_nothing_else) {
  AllowedTopics allowed;
  EXPECT_FALSE(allowed.contains(Access::read, ""));
  EXPECT_FALSE(allowed.contains(Access::read, "a/b"));
  allowed.add(Access::read, "a/b");
  EXPECT_TRUE(allowed.contains(Access::read, "a/b"));
  EXPECT_FALSE(allowed.contains(Access::write, "a/b"));
  for (const char* other : {"a/c", "a/b/c", "a", "A/b", "x/b"}) {
    EXPECT_FALSE(allowed.contains(Access::read, other)) << other;
  }
}

TEST(AllowedTopics, has_places_for_a_few) {
  AllowedTopics allowed;
  for (int i = 0; i < 1'000; ++i) allowed.add(Access::write, std::to_string(i));
  size_t known = 0;
  for (int i = 0; i < 1'000; ++i) known += allowed.contains(Access::write, std::to_string(i));
  EXPECT_LE(known, AllowedTopics::kPlaces);
  EXPECT_TRUE(allowed.contains(Access::write, "999"));
}

TEST(AllowedTopics, keeps_no_long_ones) {
  AllowedTopics allowed;
  const std::string longest(AllowedTopics::kTopicBytesMax, 'x');
  allowed.add(Access::read, longest);
  allowed.add(Access::read, longest + "x");
  EXPECT_TRUE(allowed.contains(Access::read, longest));
  EXPECT_FALSE(allowed.contains(Access::read, longest + "x"));
}

}  // namespace
}  // namespace tombo::broker
