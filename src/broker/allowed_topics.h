#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "broker/ports/authorizer.h"

namespace tombo::broker {

/// The topics for which a session's access was allowed last: a device uses the same few again and
/// again, and need not have them looked up among all rules. Who has the session, and what the rules
/// are, must stay the same: its owner makes a new one otherwise.
/// Bounds: kPlaces topics of kTopicBytesMax bytes; what has no place, or a place that another has
/// taken, is asked for anew.
class AllowedTopics {
 public:
  static constexpr size_t kPlaces = 4;
  static constexpr size_t kTopicBytesMax = 128;

  [[nodiscard]] bool contains(Access access, std::string_view topic) const {
    const Place& place = places_[index(access, topic)];
    return place.access == access && place.topic == topic;
  }

  void add(Access access, std::string_view topic) {
    if (topic.empty() || topic.size() > kTopicBytesMax) return;
    Place& place = places_[index(access, topic)];
    place.access = access;
    place.topic.assign(topic);
  }

 private:
  struct Place {
    std::string topic;  // Empty: free, for no topic is.
    Access access{};
  };

  /// Topics of one device differ at the end or in length. A hash would cost more than it saves.
  static size_t index(Access access, std::string_view topic) {
    const auto last = static_cast<unsigned char>(topic.empty() ? 0 : topic.back());
    return (topic.size() + last + static_cast<size_t>(access)) % kPlaces;
  }

  std::array<Place, kPlaces> places_{};
};

}  // namespace tombo::broker
