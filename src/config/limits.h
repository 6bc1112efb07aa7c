#pragma once

#include <cstdint>

namespace tombo::config {

/// Levels of a topic that the wire format layer takes at most: 200 separators, as in Mosquitto.
inline constexpr uint32_t kTopicLevelsMax = 201;

/// The options against abuse, all of them tombo's own and reloadable. Field name = option name.
/// Where not said otherwise 0 means no limit.
/// Defaults are such that no ordinary client meets them: what a default could break is off.
struct Limits {
  // Before the login.
  uint32_t connect_timeout = 30;             ///< Seconds from accept to CONNECT; 1 to 3600.
  uint32_t max_connect_size = 512U * 1024U;  ///< Bytes of the CONNECT packet.

  // What a client may send.
  uint32_t max_topic_levels = kTopicLevelsMax;  ///< Of topics and filters; 1 to kTopicLevelsMax.
  uint32_t max_subscriptions_per_client = 0;    ///< Shared ones included.
  uint32_t max_user_properties = 0;             ///< Of a CONNECT, its will, or a PUBLISH.
  uint32_t max_user_property_bytes = 0;         ///< Names and values of all of them together.
  uint32_t max_will_size = 0;                   ///< Bytes of a will: topic, properties, payload.

  bool operator==(const Limits&) const = default;
};

}  // namespace tombo::config
