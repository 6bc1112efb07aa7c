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
  uint32_t max_pending_connections = 0;      ///< Accepted and not yet logged in.
  uint32_t max_pending_connections_per_address = 0;
  uint32_t max_connection_rate_per_address = 0;  ///< Connections a minute.
  uint32_t max_login_failures_per_address = 0;   ///< A minute; then it is refused.
  uint32_t max_login_failures_per_user = 10;     ///< A minute; then its logins are delayed.

  // What a client may send.
  uint32_t max_topic_levels = kTopicLevelsMax;  ///< Of topics and filters; 1 to kTopicLevelsMax.
  uint32_t max_subscriptions_per_client = 0;    ///< Shared ones included.
  // PUBLISH, SUBSCRIBE and UNSUBSCRIBE; whoever sends more is read more slowly.
  uint32_t max_message_rate_per_client = 0;  ///< Packets a second.
  uint32_t max_byte_rate_per_client = 0;     ///< Bytes of such packets a second.
  uint32_t max_message_rate_per_user = 0;    ///< Of all clients with a user name together.
  uint32_t max_byte_rate_per_user = 0;
  uint32_t max_user_properties = 0;      ///< Of a CONNECT, its will, or a PUBLISH.
  uint32_t max_user_property_bytes = 0;  ///< Names and values of all of them together.
  uint32_t max_will_size = 0;            ///< Bytes of a will: topic, properties, payload.

  // What is kept for ever; over it a message is delivered, but not retained.
  uint32_t max_retained_messages = 0;
  uint64_t max_retained_bytes = 0;  ///< Topic, properties and payload with what it costs to keep.
  uint32_t max_retained_messages_per_client = 0;  ///< By who published them.
  uint64_t max_retained_bytes_per_client = 0;

  /// Is there a limit on what a client has retained?
  [[nodiscard]] bool any_retained_per_client() const {
    return max_retained_messages_per_client != 0 || max_retained_bytes_per_client != 0;
  }

  [[nodiscard]] bool any_retained() const {
    return max_retained_messages != 0 || max_retained_bytes != 0 || any_retained_per_client();
  }

  /// Is there a limit on what each client sends in a second?
  [[nodiscard]] bool any_rate() const {
    return (max_message_rate_per_client | max_byte_rate_per_client | max_message_rate_per_user |
            max_byte_rate_per_user) != 0;
  }

  /// Is anything counted when a connection comes?
  [[nodiscard]] bool any_pending() const {
    return (max_pending_connections | max_pending_connections_per_address) != 0;
  }

  bool operator==(const Limits&) const = default;
};

}  // namespace tombo::config
