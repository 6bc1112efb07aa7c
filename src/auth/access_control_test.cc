#include "auth/access_control.h"

#include <cstdio>
#include <fstream>
#include <map>

#include <gtest/gtest.h>

namespace tombo::auth {
namespace {

using broker::Access;
using broker::Outcome;

/// Files in memory, and what comes of a configuration that names them.
class AccessControl : public testing::Test {
 protected:
  AccessControl() { config.listeners.resize(2); }

  Result<std::shared_ptr<const broker::Authorizer>> load() {
    return load_access_control(
        config,
        [this](const std::string& path) -> Result<std::string> {
          ++reads;
          const auto file = files.find(path);
          if (file == files.end()) return Error{"Error: Unable to open", 13};
          return file->second;
        },
        before);
  }

  /// May an anonymous client of the listener read topic `t`?
  Outcome decide(uint16_t listener, std::string_view client_id = "c") {
    return (*load())->decide({client_id, "", listener}, Access::read, "t").outcome;
  }

  config::Config config;
  std::map<std::string, std::string> files;
  int reads = 0;
  SharedAuthorizer before;
};

TEST_F(AccessControl, is_nobody_where_there_are_no_files) {
  EXPECT_EQ(*load(), nullptr);
  config.listeners[0].acl_file = "without per_listener_settings";
  EXPECT_EQ(*load(), nullptr);
}

TEST_F(AccessControl, reads_a_file_for_all_listeners_once) {
  config.acl_file = "a";
  files["a"] = "topic t";
  EXPECT_EQ(decide(0), Outcome::allowed);
  EXPECT_EQ(reads, 1);
  files["a"] = "topic u";
  EXPECT_EQ(decide(1), Outcome::denied);
}

TEST_F(AccessControl, keeps_the_rules_of_listeners_apart) {
  config.per_listener_settings = true;
  config.acl_file = "of nobody";
  config.listeners[1].acl_file = "a";
  files["a"] = "";
  EXPECT_EQ(decide(0), Outcome::allowed);
  EXPECT_EQ(decide(1), Outcome::denied);
}

TEST_F(AccessControl, lets_a_closed_listener_keep_its_rules_when_their_file_is_gone) {
  config.per_listener_settings = true;
  config.listeners[1].acl_file = "a";
  files["a"] = "topic u";
  before = *load();
  files.clear();
  config.listeners[1].closed = true;
  before = *load();
  EXPECT_EQ(decide(0), Outcome::allowed);
  EXPECT_EQ(decide(1), Outcome::denied);
}

TEST_F(AccessControl, tells_a_dangerous_name_from_others) {
  config.acl_file = "a";
  files["a"] = "pattern t/%c";
  EXPECT_EQ(decide(0, "c"), Outcome::denied);
  EXPECT_EQ(decide(0, "c#"), Outcome::dangerous_name);
}

TEST_F(AccessControl, looks_at_subscriptions_only_where_it_is_told_to) {
  config.per_listener_settings = true;
  config.listeners[0].acl_file = config.listeners[1].acl_file = "a";
  config.listeners[1].acl_subscribe_check = true;
  files["a"] = "topic read t";
  const auto rights = *load();
  EXPECT_TRUE(rights->decide({"c", "", 0}, Access::subscribe, "u").is_allowed());
  EXPECT_FALSE(rights->decide({"c", "", 1}, Access::subscribe, "u").is_allowed());
  EXPECT_TRUE(rights->decide({"c", "", 1}, Access::unsubscribe, "u").is_allowed());
  EXPECT_EQ(rights->explain({"c", "", 1}, Access::subscribe, "u", {Outcome::denied, 0}).rule,
            "no rule for clients without a user name allows read of any topic of u");
}

TEST_F(AccessControl, explains_a_denial_by_the_file_of_the_listener) {
  config.per_listener_settings = true;
  config.listeners[0].acl_file = "a";
  config.listeners[1].acl_file = "b";
  files["a"] = "topic t";
  files["b"] = "\ntopic deny t";
  const auto rights = *load();
  const broker::Identity who{"c", "", 1};
  const broker::Decision decision = rights->decide(who, Access::read, "t");
  const broker::Explanation why = rights->explain(who, Access::read, "t", decision);
  EXPECT_EQ(decision.line, 2U);
  EXPECT_EQ(why.file, "b");
  EXPECT_EQ(why.rule, "deny read of t");
}

TEST_F(AccessControl, says_what_is_wrong_with_a_file) {
  config.acl_file = "a";
  EXPECT_EQ(load().error().text, "Error: Unable to open\nError opening acl file \"a\".");
  EXPECT_EQ(load().error().code, 13);
  files["a"] = "bogus";
  EXPECT_EQ(load().error().text,
            "Error: Invalid line in acl_file \"a\": bogus.\nError found at a:1.\n"
            "Error opening acl file \"a\".");
  EXPECT_EQ(load().error().code, 3);
}

TEST(ReadAclFile, reads_files_and_nothing_else) {
  const std::string path = testing::TempDir() + "tombo_acl_file_test";
  std::ofstream(path) << "topic t\n";
  EXPECT_EQ(*read_acl_file(path), "topic t\n");
  std::remove(path.c_str());
  EXPECT_EQ(read_acl_file(path).error().text, "Error: Unable to open acl_file \"" + path + "\".");
  EXPECT_FALSE(read_acl_file(testing::TempDir()));
}

}  // namespace
}  // namespace tombo::auth
