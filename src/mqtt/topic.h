#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "mqtt/types.h"

/// Topic names and filters (MQTT 5.0 section 4.7). UTF-8 validity is checked apart (utf8.h).
namespace tombo::mqtt {

/// A topic name to publish to: not empty, no `+` or `#` [MQTT-3.3.2-2].
bool valid_topic_name(std::string_view topic);

/// A topic filter: not empty, `#` last and alone in its level, `+` alone in its level.
/// [MQTT-4.7.1-1] [MQTT-4.7.1-2]
bool valid_topic_filter(std::string_view filter);

/// Levels of a topic or filter: separators plus one.
uint32_t level_count(std::string_view topic);

/// Does `filter` match `topic`? The plain definition, used by tests as the truth and where speed
/// does not matter. Leading wildcards do not match topics that begin with `$` [MQTT-4.7.2-1].
bool topic_matches(std::string_view filter, std::string_view topic);

bool has_wildcard(std::string_view filter);

/// `$share/GROUP/FILTER` taken apart (section 4.8.2).
struct SharedFilter {
  std::string_view group;
  std::string_view filter;
};

/// Begins `filter` with "$share/"?
bool is_shared(std::string_view filter);
/// The parts of a shared subscription; nullopt when the group is empty or holds `+` or `#`, or the
/// filter behind it is empty [MQTT-4.8.2-1] [MQTT-4.8.2-2].
std::optional<SharedFilter> parse_shared(std::string_view filter);

/// Walks the levels of a topic: `for (LevelReader r(topic); r.next(level);)`.
class LevelReader {
 public:
  explicit LevelReader(std::string_view topic) : rest_(topic) {}

  bool next(std::string_view& level) {
    if (done_) return false;
    const size_t slash = rest_.find('/');
    if (slash == std::string_view::npos) {
      level = rest_;
      done_ = true;
    } else {
      level = rest_.substr(0, slash);
      rest_.remove_prefix(slash + 1);
    }
    return true;
  }

  /// Was the level read last the final one?
  [[nodiscard]] bool at_end() const { return done_; }

 private:
  std::string_view rest_;
  bool done_ = false;
};

}  // namespace tombo::mqtt
