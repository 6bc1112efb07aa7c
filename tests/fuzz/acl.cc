#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "auth/acl_file.h"
#include "base/check.h"
#include "fuzz/input.h"
#include "mqtt/topic.h"

/// An acl_file against Mosquitto's way to read it: one list of rules for each user, gone through
/// rule by rule, deny first. Input: client id, user name and a list of topics and filters, a line
/// each, an empty line, and the text of the file.
namespace tombo::fuzz {
namespace {

using auth::AclFile;
using broker::Access;
using broker::Identity;

constexpr size_t kTopicsMax = 16;

struct Rule {
  bool is_pattern = false;
  std::string user;  ///< of the section; empty: clients without a user name
  std::string access;
  std::string filter;
};

std::string trimmed(const std::string& text, bool front) {
  const char* const blanks = " \t\n\v\f\r";
  const size_t begin = front ? text.find_first_not_of(blanks) : 0;
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

std::string after_spaces(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? std::string() : text.substr(begin);
}

/// The rules of a file that is known to be well-formed.
std::vector<Rule> rules_of(std::string_view text) {
  std::vector<Rule> rules;
  std::string user;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string whole(text.substr(at, end - at));
    at = end + 1;
    const std::string line = after_spaces(trimmed(whole, false));
    if (whole.starts_with('#') || line.empty()) continue;
    const std::string keyword = line.substr(0, line.find(' '));
    const std::string rest = after_spaces(line.substr(keyword.size()));
    if (keyword == "user") {
      user = trimmed(rest, true);
      continue;
    }
    const size_t space = rest.find(' ');
    Rule rule{keyword == "pattern", user, "readwrite", rest};
    if (space != std::string::npos) {
      rule.access = rest.substr(0, space);
      rule.filter = after_spaces(rest.substr(space));
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

/// The filter with names in place of `%c` and `%u`; nullopt when a name is not there.
std::optional<std::string> filled_in(const Rule& rule, const Identity& who) {
  if (!rule.is_pattern) return rule.filter;
  std::string filled;
  std::string_view level;
  bool is_first = true;
  for (mqtt::LevelReader levels(rule.filter); levels.next(level); is_first = false) {
    if (!is_first) filled += '/';
    const bool is_name = level == "%c" || level == "%u";
    const std::string_view name = level == "%c" ? who.client_id : who.user_name;
    if (is_name && name.empty()) return std::nullopt;
    filled += is_name ? name : level;
  }
  return filled;
}

bool matches(const Rule& rule, const Identity& who, std::string_view topic) {
  if (topic.starts_with('$') && !rule.filter.starts_with('$')) return false;
  const std::optional<std::string> filter = filled_in(rule, who);
  return filter && mqtt::topic_matches(*filter, topic);
}

/// What one list of rules says; nullopt: nothing.
std::optional<bool> verdict(const std::vector<Rule>& rules, bool patterns, const Identity& who,
                            std::string_view access, std::string_view topic) {
  for (const bool deny : {true, false}) {
    for (const Rule& rule : rules) {
      if (rule.is_pattern != patterns || (rule.access == "deny") != deny) continue;
      if (!patterns && rule.user != who.user_name) continue;
      if (!deny && rule.access != access && rule.access != "readwrite") continue;
      if (matches(rule, who, topic)) return !deny;
    }
  }
  return std::nullopt;
}

bool is_allowed(const std::vector<Rule>& rules, const Identity& who, std::string_view access,
                std::string_view topic) {
  if (const auto own = verdict(rules, false, who, access, topic)) return *own;
  const std::string names = std::string(who.client_id) + std::string(who.user_name);
  if (names.find_first_of("+#") != std::string::npos) return false;
  return verdict(rules, true, who, access, topic).value_or(false);
}

/// A denial names the line of a rule that denies, or none where there is none.
void check_explanation(const AclFile& file, const Identity& who, std::string_view topic) {
  const AclFile::Verdict verdict = file.check(who, Access::write, topic);
  if (verdict.is_allowed) return;
  const broker::Explanation why = file.explain(who, Access::write, topic, verdict);
  CHECK(why.file == "f" && why.line == verdict.denied_by);
  CHECK(why.rule.starts_with("deny write to ") == (why.line != 0));
}

void run(Input input) {
  const std::string_view client_id = input.text_until('\n');
  const std::string_view user_name = input.text_until('\n');
  const Identity who{.client_id = client_id, .user_name = user_name};
  std::vector<std::string_view> topics;
  std::vector<std::string_view> filters;
  for (std::string_view topic; !(topic = input.text_until('\n')).empty();) {
    if (topics.size() < kTopicsMax && mqtt::valid_topic_name(topic)) topics.push_back(topic);
    if (filters.size() < kTopicsMax && mqtt::valid_topic_filter(topic)) filters.push_back(topic);
  }
  const std::string_view text = as_text(input.rest());
  const Result<AclFile> file = AclFile::parse(text, "f");
  if (!file) {
    CHECK(file.error().text.find("\nError found at f:") != std::string::npos);
    return;
  }
  const std::vector<Rule> rules = rules_of(text);
  CHECK(rules.size() == file->rule_count());
  for (const std::string_view topic : topics) {
    CHECK(file->check(who, Access::read, topic).is_allowed ==
          is_allowed(rules, who, "read", topic));
    CHECK(file->check(who, Access::write, topic).is_allowed ==
          is_allowed(rules, who, "write", topic));
    check_explanation(*file, who, topic);
  }
  for (const std::string_view filter : filters) {
    const AclFile::Verdict verdict = file->check_subscribe(who, filter);
    // What might be read is never refused.
    CHECK(verdict.is_allowed || std::ranges::none_of(topics, [&](std::string_view topic) {
            return mqtt::topic_matches(filter, topic) && is_allowed(rules, who, "read", topic);
          }));
  }
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}
