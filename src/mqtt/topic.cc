#include "mqtt/topic.h"

#include <algorithm>

namespace tombo::mqtt {

namespace {

constexpr std::string_view kSharePrefix = "$share/";

}  // namespace

bool valid_topic_name(std::string_view topic) {
  return !topic.empty() && !has_wildcard(topic);
}

bool valid_topic_filter(std::string_view filter) {
  if (filter.empty()) return false;
  // Every wildcard stands between separators or ends of the filter, and # before the end.
  for (size_t at = filter.find_first_of("+#"); at != std::string_view::npos;
       at = filter.find_first_of("+#", at + 1)) {
    if (at != 0 && filter[at - 1] != '/') return false;
    const bool last = at + 1 == filter.size();
    if (!last && (filter[at] == '#' || filter[at + 1] != '/')) return false;
  }
  return true;
}

uint32_t level_count(std::string_view topic) {
  return static_cast<uint32_t>(std::ranges::count(topic, '/')) + 1;
}

bool topic_matches(std::string_view filter, std::string_view topic) {
  if (filter.empty() || topic.empty()) return false;
  if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#')) return false;
  LevelReader wanted(filter);
  LevelReader given(topic);
  std::string_view pattern;
  std::string_view level;
  while (wanted.next(pattern)) {
    // Before the topic's next level is asked for: `a/#` matches `a` too (section 4.7.1.2).
    if (pattern == "#") return true;
    if (!given.next(level)) return false;
    if (pattern != "+" && pattern != level) return false;
  }
  return given.at_end();
}

bool has_wildcard(std::string_view filter) {
  return filter.find_first_of("+#") != std::string_view::npos;
}

bool is_shared(std::string_view filter) {
  return filter.starts_with(kSharePrefix);
}

std::optional<SharedFilter> parse_shared(std::string_view filter) {
  if (!is_shared(filter)) return std::nullopt;
  filter.remove_prefix(kSharePrefix.size());
  const size_t slash = filter.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const SharedFilter parts{.group = filter.substr(0, slash), .filter = filter.substr(slash + 1)};
  if (parts.group.empty() || parts.filter.empty() || has_wildcard(parts.group)) return std::nullopt;
  return parts;
}

}  // namespace tombo::mqtt
