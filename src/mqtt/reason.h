#pragma once

#include <cstdint>
#include <string_view>

namespace tombo::mqtt {

/// Reason Codes of MQTT 5.0 (section 2.4). Names that share a value (success, normal disconnection,
/// granted QoS 0) appear once.
enum class Reason : uint8_t {
  success = 0x00,
  granted_qos_1 = 0x01,
  granted_qos_2 = 0x02,
  disconnect_with_will = 0x04,
  no_matching_subscribers = 0x10,
  no_subscription_existed = 0x11,
  continue_authentication = 0x18,
  re_authenticate = 0x19,
  unspecified_error = 0x80,
  malformed_packet = 0x81,
  protocol_error = 0x82,
  implementation_specific_error = 0x83,
  unsupported_protocol_version = 0x84,
  client_identifier_not_valid = 0x85,
  bad_user_name_or_password = 0x86,
  not_authorized = 0x87,
  server_unavailable = 0x88,
  server_busy = 0x89,
  banned = 0x8A,
  server_shutting_down = 0x8B,
  bad_authentication_method = 0x8C,
  keep_alive_timeout = 0x8D,
  session_taken_over = 0x8E,
  topic_filter_invalid = 0x8F,
  topic_name_invalid = 0x90,
  packet_identifier_in_use = 0x91,
  packet_identifier_not_found = 0x92,
  receive_maximum_exceeded = 0x93,
  topic_alias_invalid = 0x94,
  packet_too_large = 0x95,
  message_rate_too_high = 0x96,
  quota_exceeded = 0x97,
  administrative_action = 0x98,
  payload_format_invalid = 0x99,
  retain_not_supported = 0x9A,
  qos_not_supported = 0x9B,
  use_another_server = 0x9C,
  server_moved = 0x9D,
  shared_subscriptions_not_supported = 0x9E,
  connection_rate_exceeded = 0x9F,
  maximum_connect_time = 0xA0,
  subscription_identifiers_not_supported = 0xA1,
  wildcard_subscriptions_not_supported = 0xA2,
};

constexpr uint8_t value(Reason reason) {
  return static_cast<uint8_t>(reason);
}

/// Codes from 0x80 on say that something failed (section 2.4).
constexpr bool is_error(Reason reason) {
  return value(reason) >= 0x80;
}

/// The standard's name in lower case: "topic alias invalid". Unknown values: "unknown reason".
std::string_view name(Reason reason);
/// Is it one of the standard's codes?
bool is_known(Reason reason);

/// CONNACK return code of MQTT 3.1.1 (section 3.2.2.3 there) for a v5 reason: 0 accepted,
/// 1 unacceptable protocol version, 2 identifier rejected, 3 server unavailable,
/// 4 bad user name or password, 5 not authorized. Reasons without a counterpart: 3 for those about
/// the server's state, else 5.
uint8_t connack_v3(Reason reason);

/// May `reason` stand in a packet of this kind? (section 2.4, table 2-6; for decoding.)
enum class ReasonPlace : uint8_t {
  puback,
  pubrec,
  pubrel,
  pubcomp,
  disconnect_by_client,
  disconnect_by_server,
  auth,
  suback,
  unsuback,
  connack,
};
bool allowed(Reason reason, ReasonPlace place);

}  // namespace tombo::mqtt
