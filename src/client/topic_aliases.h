#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"

namespace tombo::client {

/// Aliases that stand for the topics of our PUBLISHes on one connection (MQTT 5.0 section
/// 3.3.2.3.4). The first topics have them, as many as the broker takes, and keep them.
class TopicAliases {
 public:
  /// What an alias adds to the properties.
  static constexpr size_t kPropertySize = 3;
  /// Our own bound on what the broker allows.
  static constexpr uint32_t kMost = 1024;

  /// Where things stand in an encoded PUBLISH.
  struct Place {
    size_t topic_size = 0;
    bool has_packet_id = false;
  };

  /// Forgets all; `most`: what the broker takes from now on, 0: none.
  void reset(uint32_t most);

  [[nodiscard]] bool is_on() const { return most_ > 0; }

  /// Appends a v5 PUBLISH without an alias to `out`: with one, and without its topic if the broker
  /// knows the alias.
  void append(std::span<const uint8_t> packet, const Place& place, std::vector<uint8_t>& out);

 private:
  struct TopicHash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name.

    size_t operator()(std::string_view topic) const { return hash64(topic, 0); }
  };

  /// 0: there is none left. `is_known`: the broker has it.
  uint16_t alias_of(std::string_view topic, bool& is_known);

  uint32_t most_ = 0;
  std::unordered_map<std::string, uint16_t, TopicHash, std::equal_to<>> aliases_;
};

}  // namespace tombo::client
