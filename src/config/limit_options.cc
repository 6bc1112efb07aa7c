#include "config/option_tables.h"
#include "config/setters.h"

// Limits against abuse, all of them tombo's own.  Columns as in general_options.cc.
namespace tombo::config {
namespace {

/// A limit of a type of 32 bits or more; negative numbers are refused.
template <auto kField, int64_t kMin, int64_t kMax>
constexpr Option limit(std::string_view name, std::string_view fallback, std::string_view note) {
  return {name,
          Scope::global,
          fallback,
          Reload::yes,
          Since::tombo,
          Status::supported,
          integer_option<kField, kMin, kMax>(),
          note};
}

constexpr int64_t kMost = std::numeric_limits<uint32_t>::max();
/// A CONNECT with every field at its longest and some properties has 512 KiB.
constexpr int64_t kConnectSizeMost = int64_t{16} * 1024 * 1024;

// clang-format off
constexpr Option kOptions[] = {
  // Before the login.
  limit<&Limits::connect_timeout, 1, 3600>(
      "connect_timeout", "30",
      "Seconds from the connection to its CONNECT, TLS handshake included; 1 to 3600."),
  limit<&Limits::max_connect_size, 64, kConnectSizeMost>(
      "max_connect_size", "524288",
      "Bytes of a CONNECT packet, 64 to 16777216; max_packet_size holds as well."),
  limit<&Limits::max_connection_rate_per_address, 0, kMost>(
      "max_connection_rate_per_address", "0 = no limit",
      "New connections a minute; all of a minute may come at once. Further ones are closed. Off, "
      "because a fleet behind one NAT or proxy is one address and comes back at once. An IPv6 "
      "address counts with its /64."),
  limit<&Limits::max_login_failures_per_address, 0, kMost>(
      "max_login_failures_per_address", "0 = no limit",
      "Failed logins a minute; over it connections of the address are closed and logins answered "
      "with 0x8A (v3: 5) until the average is down. Off, because it shuts out everybody behind "
      "the same NAT or proxy."),
  limit<&Limits::max_login_failures_per_user, 0, kMost>(
      "max_login_failures_per_user", "10",
      "Failed logins of a user name a minute, from all addresses; over it each login of the name "
      "waits before it is looked at: 1 s, doubled with each failure up to 8 s. Never refused for "
      "it, so that who guesses cannot lock the user out. 0: no delay."),
  limit<&Limits::max_pending_connections, 0, kMost>(
      "max_pending_connections", "0 = no limit",
      "Connections that have not logged in yet. Further ones are closed. Off, because after a "
      "restart all clients come at once."),
  limit<&Limits::max_pending_connections_per_address, 0, kMost>(
      "max_pending_connections_per_address", "0 = no limit",
      "As max_pending_connections, of one address."),

  // What a client may send.
  limit<&Limits::max_byte_rate_per_client, 0, kMost>(
      "max_byte_rate_per_client", "0 = no limit",
      "Bytes of PUBLISH, SUBSCRIBE and UNSUBSCRIBE packets a second. Whoever sends more is not "
      "read until the average is down to it; a second's worth may come at once."),
  limit<&Limits::max_byte_rate_per_user, 0, kMost>(
      "max_byte_rate_per_user", "0 = no limit",
      "As max_byte_rate_per_client, of all clients with the same user name together."),
  limit<&Limits::max_message_rate_per_client, 0, kMost>(
      "max_message_rate_per_client", "0 = no limit",
      "PUBLISH, SUBSCRIBE and UNSUBSCRIBE packets a second, as max_byte_rate_per_client."),
  limit<&Limits::max_message_rate_per_user, 0, kMost>(
      "max_message_rate_per_user", "0 = no limit",
      "As max_message_rate_per_client, of all clients with the same user name together."),
  limit<&Limits::max_retained_bytes, 0, std::numeric_limits<int64_t>::max()>(
      "max_retained_bytes", "0 = no limit",
      "Bytes of all retained messages, topics and properties included. A message that does not fit "
      "is delivered but not retained, and an older one of its topic is removed. Threads that reach "
      "the limit at once may pass it by a message each."),
  limit<&Limits::max_retained_bytes_per_client, 0, std::numeric_limits<int64_t>::max()>(
      "max_retained_bytes_per_client", "0 = no limit",
      "As max_retained_bytes, of those a client has published while the option was set."),
  limit<&Limits::max_retained_messages, 0, kMost>(
      "max_retained_messages", "0 = no limit",
      "Topics with a retained message, $SYS included, as max_retained_bytes. A new message in "
      "place of an older one always has a place."),
  limit<&Limits::max_retained_messages_per_client, 0, kMost>(
      "max_retained_messages_per_client", "0 = no limit",
      "As max_retained_messages, of those a client has published while the option was set."),
  limit<&Limits::max_subscriptions_per_client, 0, kMost>(
      "max_subscriptions_per_client", "0 = no limit",
      "Shared ones included. Further ones are refused in SUBACK: 0x97, v3 0x80."),
  limit<&Limits::max_topic_levels, 1, kTopicLevelsMax>(
      "max_topic_levels", "201",
      "Levels of a topic or filter, 1 to 201; more than 201 are malformed in any case. A PUBLISH "
      "or a will over it ends the connection (0x90), a filter is refused in SUBACK (0x8F, v3 "
      "0x80)."),
  limit<&Limits::max_user_properties, 0, kMost>(
      "max_user_properties", "0 = no limit",
      "User properties of a CONNECT, of its will, or of a PUBLISH, which are refused: 0x97."),
  limit<&Limits::max_user_property_bytes, 0, kMost>(
      "max_user_property_bytes", "0 = no limit",
      "Bytes of the names and values of all user properties of a packet or will; refused: 0x97."),
  limit<&Limits::max_will_size, 0, kMost>(
      "max_will_size", "0 = no limit",
      "Bytes of topic, properties and payload of a will. CONNECT is refused: 0x95, v3 5."),
};
// clang-format on

}  // namespace

std::span<const Option> limit_options() {
  return kOptions;
}

}  // namespace tombo::config
