#include "auth/acl_file.h"

#include <string>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

namespace tombo::auth {
namespace {

using broker::Access;
using broker::Identity;

/// A parsed file with questions to it.
struct Acl {
  explicit Acl(std::string_view text) : file(*AclFile::parse(text, "a.acl")) {}

  [[nodiscard]] bool reads(const Identity& who, std::string_view topic) const {
    return file.check(who, Access::read, topic).is_allowed;
  }

  [[nodiscard]] bool writes(const Identity& who, std::string_view topic) const {
    return file.check(who, Access::write, topic).is_allowed;
  }

  [[nodiscard]] std::string why(const Identity& who, Access access, std::string_view topic) const {
    const broker::Explanation why =
        file.explain(who, access, topic, file.check(who, access, topic));
    return fmt::format("{}:{} {}", why.file, why.line, why.rule);
  }

  AclFile file;
};

constexpr Identity kNobody{.client_id = "c1", .user_name = ""};
constexpr Identity kAnna{.client_id = "c1", .user_name = "anna"};
constexpr Identity kBert{.client_id = "c2", .user_name = "bert"};

std::string error_of(std::string_view text) {
  const Result<AclFile> file = AclFile::parse(text, "a.acl");
  return file ? std::string() : file.error().text;
}

TEST(AclFile, refuses_everything_when_it_says_nothing) {
  const Acl acl("# nothing\n\n   \n");
  EXPECT_FALSE(acl.reads(kNobody, "t"));
  EXPECT_FALSE(acl.writes(kAnna, "t"));
}

TEST(AclFile, allows_every_subscription) {
  const Acl acl("");
  EXPECT_TRUE(acl.file.check(kAnna, Access::subscribe, "#").is_allowed);
  EXPECT_TRUE(acl.file.check(kAnna, Access::unsubscribe, "#").is_allowed);
}

TEST(AclFile, gives_the_first_section_to_clients_without_a_user_name_alone) {
  const Acl acl("topic t\nuser anna\ntopic u\n");
  EXPECT_TRUE(acl.reads(kNobody, "t"));
  EXPECT_FALSE(acl.reads(kNobody, "u"));
  EXPECT_FALSE(acl.reads(kAnna, "t"));
  EXPECT_TRUE(acl.reads(kAnna, "u"));
  EXPECT_FALSE(acl.reads(kBert, "u"));
}

TEST(AclFile, tells_reading_from_writing) {
  const Acl acl("topic read r\ntopic write w\ntopic readwrite b\ntopic d\n");
  EXPECT_TRUE(acl.reads(kNobody, "r") && !acl.writes(kNobody, "r"));
  EXPECT_TRUE(!acl.reads(kNobody, "w") && acl.writes(kNobody, "w"));
  EXPECT_TRUE(acl.reads(kNobody, "b") && acl.writes(kNobody, "b"));
  EXPECT_TRUE(acl.reads(kNobody, "d") && acl.writes(kNobody, "d"));
}

TEST(AclFile, adds_up_the_lines_of_a_user_wherever_they_stand) {
  const Acl acl("user anna\ntopic read t\nuser bert\ntopic x\nuser   anna  \ntopic write t\n");
  EXPECT_TRUE(acl.reads(kAnna, "t"));
  EXPECT_TRUE(acl.writes(kAnna, "t"));
}

TEST(AclFile, lets_deny_win_whatever_the_order) {
  for (const char* text : {"topic deny a/b\ntopic a/#\n", "topic a/#\ntopic deny a/b\n"}) {
    const Acl acl(text);
    EXPECT_FALSE(acl.reads(kNobody, "a/b")) << text;
    EXPECT_TRUE(acl.reads(kNobody, "a/c")) << text;
    EXPECT_TRUE(acl.reads(kNobody, "a")) << text;
  }
}

TEST(AclFile, asks_patterns_only_where_the_user_has_no_answer) {
  const Acl acl(
      "user anna\ntopic read t\ntopic deny u\npattern deny t\npattern write t\npattern u");
  EXPECT_TRUE(acl.reads(kAnna, "t"));
  EXPECT_FALSE(acl.writes(kAnna, "t"));  // The pattern's deny.
  EXPECT_FALSE(acl.reads(kAnna, "u"));   // The user's deny.
  EXPECT_TRUE(acl.reads(kBert, "u"));
}

TEST(AclFile, puts_names_into_patterns) {
  const Acl acl("pattern read c/%c/#\npattern write u/%u\npattern %u/%c/x");
  EXPECT_TRUE(acl.reads(kAnna, "c/c1/deep/er"));
  EXPECT_TRUE(acl.reads(kAnna, "c/c1"));
  EXPECT_FALSE(acl.reads(kAnna, "c/c2/x"));
  EXPECT_FALSE(acl.reads(kAnna, "c/c11/x"));
  EXPECT_TRUE(acl.writes(kAnna, "u/anna"));
  EXPECT_TRUE(acl.writes(kAnna, "anna/c1/x"));
  EXPECT_FALSE(acl.writes(kBert, "anna/c1/x"));
}

TEST(AclFile, takes_names_only_for_whole_levels_of_patterns) {
  const Acl acl("topic t/%c\npattern p/x%c\n");
  EXPECT_FALSE(acl.reads(kNobody, "t/c1"));
  EXPECT_TRUE(acl.reads(kNobody, "t/%c"));
  EXPECT_FALSE(acl.reads(kNobody, "p/xc1"));
}

TEST(AclFile, never_matches_a_user_name_that_is_not_there) {
  const Acl acl("pattern %u/x\npattern y/%u\n");
  for (const char* topic : {"/x", "x", "y/", "y", "%u/x"}) {
    EXPECT_FALSE(acl.reads(kNobody, topic)) << topic;
  }
}

TEST(AclFile, refuses_names_that_look_like_filters_where_there_are_patterns) {
  const Acl acl("topic own\nuser a+\ntopic own\npattern all\n");
  for (const Identity& who : {Identity{"c#", ""}, Identity{"c", "a+"}}) {
    EXPECT_TRUE(acl.reads(who, "own"));
    EXPECT_FALSE(acl.reads(who, "all"));
    EXPECT_TRUE(acl.file.check(who, Access::read, "all").is_dangerous_name);
  }
  EXPECT_TRUE(Acl("topic t").reads({"c#", ""}, "t"));
}

TEST(AclFile, lets_a_name_with_a_slash_stand_for_its_levels) {
  const Acl acl("pattern d/%c/x\n");
  EXPECT_TRUE(acl.reads({"a/b", ""}, "d/a/b/x"));
  EXPECT_FALSE(acl.reads({"a/b", ""}, "d/a/x"));
}

TEST(AclFile, matches_topics_of_the_broker_only_with_filters_that_say_so) {
  const Acl acl("topic #\ntopic +/x\npattern %c/y\ntopic read $SYS/+/load\n");
  EXPECT_FALSE(acl.reads(kNobody, "$SYS/x"));
  EXPECT_FALSE(acl.reads(kNobody, "$SYS"));
  EXPECT_FALSE(acl.reads({"$SYS", ""}, "$SYS/y"));
  EXPECT_TRUE(acl.reads(kNobody, "$SYS/broker/load"));
  EXPECT_TRUE(acl.reads(kNobody, "a/$SYS"));
}

TEST(AclFile, takes_filters_with_spaces_behind_the_word_for_the_access) {
  const Acl acl("topic  read   a b/c d \t\r\n  topic deny\n");
  EXPECT_TRUE(acl.reads(kNobody, "a b/c d"));
  EXPECT_TRUE(acl.reads(kNobody, "deny"));
}

TEST(AclFile, says_what_is_wrong_and_where) {
  const std::string at_2 = "\nError found at a.acl:2.";
  EXPECT_EQ(error_of("\nbogus x\n"), "Error: Invalid line in acl_file \"a.acl\": bogus." + at_2);
  EXPECT_EQ(error_of("\n # x\n"), "Error: Invalid line in acl_file \"a.acl\":  #." + at_2);
  EXPECT_EQ(error_of("\ntopic"), "Error: Empty topic in acl_file \"a.acl\"." + at_2);
  EXPECT_EQ(error_of("\nuser  "), "Error: Missing username in acl_file \"a.acl\"." + at_2);
  EXPECT_EQ(error_of("\ntopic raed a"),
            "Error: Invalid topic access type \"raed\" in acl_file \"a.acl\"." + at_2);
  EXPECT_EQ(error_of("\npattern a/#/b"),
            "Error: Invalid ACL topic \"a/#/b\" in acl_file \"a.acl\"." + at_2);
}

TEST(AclFile, names_the_rule_that_denies_and_its_line) {
  const Acl acl(
      "topic deny a/+\nuser anna\ntopic #\n\ntopic deny b/#\ntopic deny b/#\n"
      "pattern deny own/%c/x\n");
  EXPECT_EQ(acl.why(kNobody, Access::write, "a/1"), "a.acl:1 deny write to a/+");
  EXPECT_EQ(acl.why(kAnna, Access::read, "b"), "a.acl:5 deny read of b/#");
  EXPECT_EQ(acl.why(kBert, Access::read, "own/c2/x"), "a.acl:7 deny read of own/%c/x");
}

TEST(AclFile, says_that_no_rule_allows_and_for_whom) {
  const Acl acl("user anna\ntopic read a\npattern own/%c\n");
  EXPECT_EQ(acl.why(kAnna, Access::write, "a"),
            "a.acl:0 no rule for user 'anna' allows write to a");
  EXPECT_EQ(acl.why(kNobody, Access::read, "a"),
            "a.acl:0 no rule for clients without a user name allows read of a");
  EXPECT_EQ(acl.why({"c#", ""}, Access::read, "a"),
            "a.acl:0 patterns do not hold for names with + or #");
}

/// May the client subscribe? Each filter that it may not is named.
std::string refused(const Acl& acl, const Identity& who,
                    const std::vector<std::string_view>& filters) {
  std::string names;
  for (const std::string_view filter : filters) {
    if (acl.file.check_subscribe(who, filter).is_allowed) continue;
    if (!names.empty()) names += ' ';
    names += filter;
  }
  return names;
}

TEST(AclFile, allows_a_subscription_with_a_topic_in_common_with_a_rule) {
  const Acl acl("topic read a/b/c\ntopic read d/+/e\ntopic read f/#\ntopic write w\n");
  EXPECT_EQ(refused(acl, kNobody,
                    {"#", "+/#", "a/#", "a/b/c", "a/b/c/#", "+/+/+", "+/b/c", "d/x/e", "d/+/e",
                     "+/x/#", "f", "f/#", "f/x/+", "+", "$share/g/a/#"}),
            "");
  EXPECT_EQ(refused(acl, kNobody,
                    {"a", "a/b", "a/b/c/d", "a/x/#", "d/e", "d/+/f", "w", "w/#", "g/#", "+/x",
                     "$share/g/w", "$share/g/a/b"}),
            "a a/b a/b/c/d a/x/# d/e d/+/f w w/# g/# $share/g/w $share/g/a/b");
}

TEST(AclFile, refuses_a_subscription_that_one_rule_denies_as_a_whole) {
  const Acl acl("topic #\ntopic deny a/#\ntopic deny b/+\ntopic deny c\npattern p/#\n");
  EXPECT_EQ(refused(acl, kNobody, {"a", "a/#", "a/+/x", "b/1", "b/+", "c", "$share/g/c"}),
            "a a/# a/+/x b/1 b/+ c $share/g/c");
  EXPECT_EQ(refused(acl, kNobody, {"#", "+", "+/x", "b/#", "b", "b/+/x", "c/#", "p/x"}), "");
  EXPECT_EQ(acl.file.check_subscribe(kNobody, "b/+").denied_by, 3U);
}

TEST(AclFile, keeps_subscriptions_with_wildcards_in_front_off_topics_of_the_broker) {
  const Acl acl("topic read $SYS/#\n");
  EXPECT_EQ(refused(acl, kNobody, {"$SYS/#", "$SYS/+/load", "$SYS"}), "");
  EXPECT_EQ(refused(acl, kNobody, {"#", "+", "+/#", "+/x", "$other/#"}), "# + +/# +/x $other/#");
  const Acl denies("topic $SYS/#\ntopic deny #\n");
  EXPECT_EQ(refused(denies, kNobody, {"$SYS/#", "#"}), "#");
}

TEST(AclFile, puts_names_into_patterns_when_it_looks_at_subscriptions) {
  const Acl acl("pattern read u/%u/x\npattern read c/%c/#\npattern deny c/%c/secret\n");
  EXPECT_EQ(refused(acl, kAnna, {"u/anna/x", "u/+/x", "#", "u/#", "c/c1", "c/+/y", "c/c1/#"}), "");
  EXPECT_EQ(refused(acl, kAnna, {"u/bert/x", "u/anna", "c/c2/#", "c/c1/secret"}),
            "u/bert/x u/anna c/c2/# c/c1/secret");
  EXPECT_EQ(refused(acl, kNobody, {"u/#", "u/+/x"}), "u/# u/+/x");
  EXPECT_EQ(refused(acl, {"a/b", ""}, {"c/a/b/y", "c/+/+/y", "c/a/#", "c/#"}), "");
  EXPECT_EQ(refused(acl, {"a/b", ""}, {"c/a/y", "c/+", "c/a/c/#"}), "c/a/y c/+ c/a/c/#");
  EXPECT_TRUE(acl.file.check_subscribe({"c#", ""}, "c/#").is_dangerous_name);
}

TEST(AclFile, bounds_the_search_for_a_topic_in_common) {
  std::string text;
  for (uint32_t i = 0; i < AclTree::kOverlapNodesMax; ++i)
    text += fmt::format("topic read t/{}/x\n", i);
  EXPECT_TRUE(Acl(text).file.check_subscribe(kNobody, "t/+/y").is_allowed);
  EXPECT_FALSE(Acl("topic read t/1/x").file.check_subscribe(kNobody, "t/+/y").is_allowed);
}

TEST(AclFile, bounds_its_size_and_the_depth_of_filters) {
  EXPECT_EQ(error_of("topic " + std::string(kAclLevelsMax - 1, '/')), "");
  EXPECT_NE(error_of("topic " + std::string(kAclLevelsMax, '/')), "");
  EXPECT_NE(error_of(std::string(kAclFileBytesMax + 1, '\n')), "");
}

TEST(AclFile, visits_as_many_nodes_as_the_topic_has_levels_however_many_rules_there_are) {
  std::string text;
  for (int i = 0; i < 25'000; ++i) {
    text += fmt::format("topic site/{0}/line/+/x\nuser u{0}\ntopic read site/{0}/#\n", i);
    text += fmt::format("pattern read group/{0}/%u/#\ntopic deny site/{0}/secret\n", i);
  }
  const Acl acl(text);
  ASSERT_EQ(acl.file.rule_count(), 100'000U);
  const auto visited = [&](const Identity& who, std::string_view topic) {
    return acl.file.check(who, Access::read, topic).nodes_visited;
  };
  EXPECT_LE(visited({"c", "u7"}, "site/7/line/3/x"), 4U);
  EXPECT_LE(visited({"c", "u7"}, "site/9/line/3/x"), 8U);
  EXPECT_LE(visited({"c", "u7"}, "group/9/u7/3/x"), 8U);
  EXPECT_LE(visited({"c", ""}, "elsewhere"), 2U);
}

}  // namespace
}  // namespace tombo::auth
