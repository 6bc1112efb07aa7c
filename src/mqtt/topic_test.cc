#include "mqtt/topic.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tombo::mqtt {

namespace {

struct Match {
  std::string_view filter;
  std::string_view topic;
  bool matches;
};

constexpr Match kMatches[] = {
    {"a", "a", true},
    {"a", "A", false},
    {"a", "b", false},
    {"a", "a/b", false},
    {"a/b", "a", false},
    {"a/b", "a/b", true},
    {"a/b", "a/b/", false},
    {"a/b/", "a/b", false},
    {"/a", "a", false},
    {"/a", "/a", true},
    {"a//b", "a//b", true},
    {"a//b", "a/b", false},
    // The multi-level wildcard, its parent level included.
    {"#", "a", true},
    {"#", "a/b/c", true},
    {"#", "/", true},
    {"#", "/a", true},
    {"a/#", "a", true},
    {"a/#", "a/", true},
    {"a/#", "a/b", true},
    {"a/#", "a/b/c", true},
    {"a/#", "ab", false},
    {"a/#", "b/a", false},
    {"a/b/#", "a", false},
    {"/#", "/a", true},
    {"/#", "/", true},
    {"/#", "a", false},
    {"a//#", "a/", true},
    {"a//#", "a", false},
    // The single-level wildcard.
    {"+", "a", true},
    {"+", "a/b", false},
    {"+", "/a", false},
    {"+/+", "/a", true},
    {"+/+", "/", true},
    {"/+", "/a", true},
    {"/+", "/", true},
    {"/+", "a", false},
    {"a/+", "a", false},
    {"a/+", "a/", true},
    {"a/+", "a/b", true},
    {"a/+", "a/b/c", false},
    {"a/+/c", "a/b/c", true},
    {"a/+/c", "a//c", true},
    {"a/+/c", "a/c", false},
    {"+/b", "a/b", true},
    {"+/b/#", "a/b", true},
    {"+/#", "a", true},
    {"+/#", "a/b/c", true},
    {"+/+/#", "a", false},
    {"+/+/#", "a/b", true},
    // Topics that begin with $ [MQTT-4.7.2-1].
    {"#", "$SYS", false},
    {"#", "$SYS/a", false},
    {"+", "$SYS", false},
    {"+/a", "$SYS/a", false},
    {"+/#", "$SYS/a", false},
    {"$SYS/#", "$SYS/a", true},
    {"$SYS/#", "$SYS", true},
    {"$SYS/+", "$SYS/a", true},
    {"$SYS/a", "$SYS/a", true},
    {"$SYS/a/+", "$SYS/a/b", true},
    {"a/#", "a/$SYS", true},
    {"a/+", "a/$SYS", true},
    {"/#", "/$SYS", true},
    {"$/#", "$/a", true},
    // No normalisation [MQTT-4.7.3-4].
    {"\xC3\xA9", "e\xCC\x81", false},
    {"a ", "a", false},
    // What is no topic matches nothing.
    {"", "", false},
    {"#", "", false},
    {"", "a", false},
};

TEST(Topic, matches_as_the_standard_says) {
  for (const Match& match : kMatches) {
    EXPECT_EQ(topic_matches(match.filter, match.topic), match.matches)
        << match.filter << " on " << match.topic;
  }
}

TEST(Topic, filter_has_wildcards_alone_in_their_level) {
  for (const std::string_view filter :
       {"a", "/", "#", "+", "a/#", "/#", "+/#", "+/+", "/+/", "a/+/b", "a//#", "$SYS/#", "a b"}) {
    EXPECT_TRUE(valid_topic_filter(filter)) << filter;
  }
  for (const std::string_view filter : {"", "a#", "#a", "#/", "#/a", "a/#/", "a/#/b", "##", "++",
                                        "+a", "a+", "a+/b", "a/+b", "+#", "#+", "/a#", "+/#/+"}) {
    EXPECT_FALSE(valid_topic_filter(filter)) << filter;
  }
}

TEST(Topic, name_has_no_wildcards) {
  EXPECT_TRUE(valid_topic_name("a/b"));
  EXPECT_TRUE(valid_topic_name("/"));
  EXPECT_FALSE(valid_topic_name(""));
  EXPECT_FALSE(valid_topic_name("a/+"));
  EXPECT_FALSE(valid_topic_name("a#"));
}

TEST(Topic, counts_levels) {
  EXPECT_EQ(level_count("a"), 1);
  EXPECT_EQ(level_count("/"), 2);
  EXPECT_EQ(level_count("a/b/"), 3);
}

TEST(Topic, splits_into_levels) {
  std::vector<std::string> levels;
  std::string_view level;
  for (LevelReader reader("/a//b/"); reader.next(level);) levels.emplace_back(level);
  EXPECT_EQ(levels, (std::vector<std::string>{"", "a", "", "b", ""}));
}

TEST(Topic, takes_shared_subscriptions_apart) {
  const auto parts = parse_shared("$share/group/a/+/#");
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->group, "group");
  EXPECT_EQ(parts->filter, "a/+/#");
  EXPECT_EQ(parse_shared("$share/g//")->filter, "/");
}

TEST(Topic, refuses_shared_subscriptions_without_group_or_filter) {
  for (const std::string_view filter :
       {"$share/", "$share//", "$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/#/a",
        "$share/a+/b", "$share", "share/g/a", "$Share/g/a"}) {
    EXPECT_FALSE(parse_shared(filter)) << filter;
  }
  EXPECT_TRUE(is_shared("$share/g/a"));
  EXPECT_FALSE(is_shared("$shared/g/a"));
  EXPECT_FALSE(is_shared("$share"));
}

}  // namespace

}  // namespace tombo::mqtt
