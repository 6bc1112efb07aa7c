#include "mqtt/topic.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "fuzz/input.h"
#include "mqtt/utf8.h"

/// Topic names, filters and UTF-8 against plain definitions of sections 1.5.4 and 4.7.
/// Input: a filter, a line feed, a topic.
namespace tombo::fuzz {
namespace {

using Levels = std::vector<std::string>;

Levels levels_of(std::string_view text) {
  Levels levels(1);
  for (const char c : text) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back() += c;
    }
  }
  return levels;
}

bool has_any(const std::string& level, std::string_view characters) {
  return level.find_first_of(characters) != std::string::npos;
}

bool is_topic_name(std::string_view topic) {
  const Levels levels = levels_of(topic);
  return !topic.empty() && std::ranges::none_of(levels, [](const std::string& level) {
    return has_any(level, "+#");
  });
}

bool is_topic_filter(std::string_view filter) {
  const Levels levels = levels_of(filter);
  for (size_t i = 0; i < levels.size(); ++i) {
    if (has_any(levels[i], "#") && (levels[i] != "#" || i + 1 != levels.size())) return false;
    if (has_any(levels[i], "+") && levels[i] != "+") return false;
  }
  return !filter.empty();
}

bool matches_from(const Levels& filter, size_t f, const Levels& topic, size_t t) {
  if (f == filter.size()) return t == topic.size();
  if (filter[f] == "#") return true;
  if (t == topic.size()) return false;
  return (filter[f] == "+" || filter[f] == topic[t]) && matches_from(filter, f + 1, topic, t + 1);
}

/// Of a valid filter and a valid topic.
bool matches(std::string_view filter, std::string_view topic) {
  const bool wild_start = filter[0] == '#' || filter[0] == '+';
  if (topic[0] == '$' && wild_start) return false;
  return matches_from(levels_of(filter), 0, levels_of(topic), 0);
}

/// Bytes of a character by its first one; 0: none begins so.
size_t size_by_lead(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC0 || lead > 0xF7) return 0;
  if (lead < 0xE0) return 2;
  return lead < 0xF0 ? 3 : 4;
}

/// The first code point of well-formed UTF-8 (Unicode, table 3-7), decoded the long way.
std::optional<uint32_t> code_point(std::string_view text, size_t& size) {
  const auto lead = static_cast<uint8_t>(text[0]);
  size = size_by_lead(lead);
  if (size == 0 || size > text.size()) return std::nullopt;
  uint32_t point = size == 1 ? lead : lead & (0xFFU >> (size + 1));
  for (const char each : text.substr(1, size - 1)) {
    const auto byte = static_cast<uint8_t>(each);
    if (byte >> 6 != 2) return std::nullopt;
    point = point << 6 | (byte & 0x3FU);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < kLeast[size] || point > 0x10FFFF || surrogate) return std::nullopt;
  return point;
}

std::optional<std::vector<uint32_t>> code_points(std::string_view text) {
  std::vector<uint32_t> points;
  size_t size = 0;
  for (; !text.empty(); text.remove_prefix(size)) {
    const auto point = code_point(text, size);
    if (!point) return std::nullopt;
    points.push_back(*point);
  }
  return points;
}

bool may_stand_in_a_string(uint32_t point) {
  const bool control = point < 0x20 || (point >= 0x7F && point < 0xA0);
  const bool no_character = (point >= 0xFDD0 && point <= 0xFDEF) || (point & 0xFFFE) == 0xFFFE;
  return !control && !no_character;
}

void check_utf8(std::string_view text) {
  const auto points = code_points(text);
  const bool valid = points && std::ranges::all_of(*points, may_stand_in_a_string);
  CHECK(mqtt::well_formed_utf8(text) == points.has_value());
  CHECK(mqtt::valid_utf8(text) == valid);
  CHECK(mqtt::valid_utf8_without_wildcards(text) == (valid && !mqtt::has_wildcard(text)));
}

void check_shared(std::string_view filter) {
  const Levels levels = levels_of(filter);
  const bool shared = levels.size() > 1 && levels[0] == "$share";
  CHECK(mqtt::is_shared(filter) == shared);
  const auto parts = mqtt::parse_shared(filter);
  const bool rest = levels.size() > 3 || (levels.size() == 3 && !levels[2].empty());
  const bool whole = shared && rest && !levels[1].empty() && !has_any(levels[1], "+#");
  CHECK(parts.has_value() == whole);
  if (!parts) return;
  CHECK(parts->group == levels[1]);
  CHECK("$share/" + std::string(parts->group) + "/" + std::string(parts->filter) == filter);
}

void check_levels(std::string_view text) {
  const Levels levels = levels_of(text);
  CHECK(mqtt::level_count(text) == levels.size());
  size_t count = 0;
  std::string_view level;
  for (mqtt::LevelReader reader(text); reader.next(level); ++count) {
    CHECK(level == levels[count] && reader.at_end() == (count + 1 == levels.size()));
  }
  CHECK(count == levels.size());
}

/// In memory of just its size.
class OwnText {
 public:
  explicit OwnText(std::string_view text)
      : text_(std::make_unique<char[]>(text.size())), size_(text.size()) {
    std::ranges::copy(text, text_.get());
  }

  [[nodiscard]] std::string_view get() const { return {text_.get(), size_}; }

 private:
  std::unique_ptr<char[]> text_;
  size_t size_;
};

void run(Input input) {
  const OwnText first(input.text_until('\n'));
  const OwnText second(as_text(input.rest()));
  const std::string_view filter = first.get();
  const std::string_view topic = second.get();
  for (const std::string_view text : {filter, topic}) {
    check_utf8(text);
    check_levels(text);
    check_shared(text);
    CHECK(mqtt::valid_topic_name(text) == is_topic_name(text));
    CHECK(mqtt::valid_topic_filter(text) == is_topic_filter(text));
    CHECK(mqtt::has_wildcard(text) == has_any(std::string(text), "+#"));
  }
  const bool both = is_topic_filter(filter) && is_topic_name(topic);
  const bool matched = mqtt::topic_matches(filter, topic);
  if (both) CHECK(matched == matches(filter, topic));
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}
