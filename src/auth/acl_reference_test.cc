#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "auth/acl_file.h"
#include "base/random.h"
#include "mqtt/topic.h"

// The compiled rules against Mosquitto's way to read them: a list for each user, gone through rule
// by rule, deny first. tests/fuzz/acl.cc has odd texts, this many rules.
namespace tombo::auth {
namespace {

using broker::Access;
using broker::Identity;

constexpr size_t kRules = 100'000;
constexpr size_t kUsers = 60;       ///< 0: clients without a user name
constexpr size_t kOfFirst = 40;     ///< percent of the rules that are those of user 1
constexpr size_t kPatterns = 2;     ///< percent of the rules that are patterns
constexpr size_t kQuestions = 600;  ///< each for reading and writing

struct Rule {
  std::string access;
  std::string filter;
};

std::string user_name(size_t user) {
  return user == 0 ? std::string() : fmt::format("u{}", user);
}

std::string client_id(size_t user) {
  return fmt::format("c{}", user % 7);
}

class World {
 public:
  explicit World(uint64_t seed) : random_(seed), rules_(kUsers) {
    for (size_t i = 0; i < kRules; ++i) add_rule();
  }

  [[nodiscard]] std::string text() const {
    std::string text;
    for (size_t user = 0; user < kUsers; ++user) {
      if (user != 0) text += fmt::format("user {}\n", user_name(user));
      for (const Rule& rule : rules_[user]) append("topic", rule, text);
    }
    for (const Rule& rule : patterns_) append("pattern", rule, text);
    return text;
  }

  size_t any_user() { return random_.below(kUsers); }

  /// One that a rule of the user or a pattern is about, or any.
  std::string topic_for(size_t user) {
    const std::vector<Rule>& own = rules_[user];
    const uint64_t dice = random_.below(10);
    if (dice == 0) return topic_of(filter(false), user);
    if (dice < 3) return topic_of(patterns_[random_.below(patterns_.size())].filter, user);
    return topic_of(own[random_.below(own.size())].filter, user);
  }

  /// What Mosquitto would say.
  [[nodiscard]] bool is_allowed(size_t user, std::string_view access,
                                std::string_view topic) const {
    if (const auto own = verdict(rules_[user], user, access, topic)) return *own;
    return verdict(patterns_, user, access, topic).value_or(false);
  }

 private:
  static void append(std::string_view keyword, const Rule& rule, std::string& text) {
    text += fmt::format("{} {} {}\n", keyword, rule.access, rule.filter);
  }

  static std::optional<bool> verdict(const std::vector<Rule>& rules, size_t user,
                                     std::string_view access, std::string_view topic) {
    for (const bool deny : {true, false}) {
      for (const Rule& rule : rules) {
        if ((rule.access == "deny") != deny) continue;
        if (!deny && rule.access != access && rule.access != "readwrite") continue;
        const std::optional<std::string> filter = filled_in(rule.filter, user);
        if (filter && filter->starts_with('$') == topic.starts_with('$') &&
            mqtt::topic_matches(*filter, topic)) {
          return !deny;
        }
      }
    }
    return std::nullopt;
  }

  static std::optional<std::string> filled_in(const std::string& filter, size_t user) {
    if (filter.find('%') == std::string::npos) return filter;
    std::string filled;
    std::string_view level;
    for (mqtt::LevelReader levels(filter); levels.next(level);) {
      if (level == "%u" && user == 0) return std::nullopt;
      if (!filled.empty()) filled += '/';
      filled += level == "%c"   ? client_id(user)
                : level == "%u" ? user_name(user)
                                : std::string(level);
    }
    return filled;
  }

  void add_rule() {
    static constexpr std::array<const char*, 8> kAccess = {
        "read", "read", "write", "write", "readwrite", "readwrite", "deny", "deny"};
    const bool is_pattern = random_.below(100) < kPatterns;
    const size_t user = random_.below(100) < kOfFirst ? 1 : any_user();
    (is_pattern ? patterns_ : rules_[user])
        .push_back({kAccess[random_.below(kAccess.size())], filter(is_pattern)});
  }

  /// No level is empty, so that levels may be put together again.
  std::string filter(bool is_pattern) {
    std::string text = random_.below(30) == 0 ? "$own" : fmt::format("site{}", random_.below(300));
    for (uint64_t depth = 1 + random_.below(5); depth > 0; --depth) {
      const uint64_t dice = random_.below(100);
      text += '/';
      if (is_pattern && dice < 25) {
        text += dice < 12 ? "%c" : "%u";
      } else if (dice < 34) {
        text += '+';
      } else if (dice < 38) {
        return text + '#';
      } else {
        text += level();
      }
    }
    return text;
  }

  std::string level() { return std::string(1, static_cast<char>('a' + random_.below(9))); }

  /// A topic that the filter matches, as the case may be with other names than the client's.
  std::string topic_of(const std::string& filter, size_t user) {
    std::string topic;
    std::string_view part;
    for (mqtt::LevelReader levels(filter); levels.next(part);) {
      if (!topic.empty()) topic += '/';
      if (part == "%c") {
        topic += client_id(random_.below(2) == 0 ? user : any_user());
      } else if (part == "%u") {
        topic += user_name(random_.below(2) == 0 ? user : 1 + random_.below(kUsers - 1));
      } else {
        topic += part == "+" || part == "#" ? level() : std::string(part);
      }
    }
    if (topic.ends_with('/')) topic += level();
    return topic;
  }

  Random random_;
  std::vector<std::vector<Rule>> rules_;  // By user.
  std::vector<Rule> patterns_;
};

TEST(AclReference, a_hundred_thousand_rules_say_what_they_say_one_by_one) {
  const int seed = testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE(fmt::format("again with --gtest_random_seed={}", seed));
  World world(static_cast<uint64_t>(seed));
  const Result<AclFile> file = AclFile::parse(world.text(), "many.acl");
  ASSERT_TRUE(file) << file.error().text;
  ASSERT_EQ(file->rule_count(), kRules);
  size_t allowed = 0;
  for (size_t i = 0; i < kQuestions; ++i) {
    const size_t user = world.any_user();
    const std::string topic = world.topic_for(user);
    const std::string client = client_id(user);
    const std::string name = user_name(user);
    const Identity who{.client_id = client, .user_name = name};
    for (const auto& [access, word] : {std::pair(Access::read, "read"), {Access::write, "write"}}) {
      const bool expected = world.is_allowed(user, word, topic);
      ASSERT_EQ(file->check(who, access, topic).is_allowed, expected)
          << word << " of " << topic << " by " << client << ", user '" << name << "'";
      allowed += expected ? 1 : 0;
    }
  }
  // Both answers come often enough to mean something.
  EXPECT_GT(allowed, kQuestions / 4);
  EXPECT_LT(allowed, 2 * kQuestions - kQuestions / 4);
}

}  // namespace
}  // namespace tombo::auth
