#include "mqtt/reason.h"

#include <array>
#include <initializer_list>

namespace tombo::mqtt {

namespace {

constexpr uint16_t bit(ReasonPlace place) {
  return static_cast<uint16_t>(1U << static_cast<uint8_t>(place));
}

using PlaceTable = std::array<uint16_t, 256>;

constexpr void permit(PlaceTable& table, ReasonPlace place, std::initializer_list<uint8_t> codes) {
  for (const uint8_t code : codes) table[code] = static_cast<uint16_t>(table[code] | bit(place));
}

/// Table 2-6 by packet, each list as the packet's own section has it.
constexpr PlaceTable make_places() {
  PlaceTable table{};
  permit(table, ReasonPlace::connack,
         {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
          0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F});
  for (const ReasonPlace place : {ReasonPlace::puback, ReasonPlace::pubrec}) {
    permit(table, place, {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99});
  }
  for (const ReasonPlace place : {ReasonPlace::pubrel, ReasonPlace::pubcomp}) {
    permit(table, place, {0x00, 0x92});
  }
  permit(table, ReasonPlace::suback,
         {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2});
  permit(table, ReasonPlace::unsuback, {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91});
  permit(table, ReasonPlace::disconnect_by_client,
         {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99});
  // 0x8C stands in table 2-6, though not in section 3.14.2.1: a failed re-authentication.
  permit(table, ReasonPlace::disconnect_by_server,
         {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
          0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2});
  permit(table, ReasonPlace::auth, {0x00, 0x18, 0x19});
  return table;
}

constexpr PlaceTable kPlaces = make_places();

struct NameRow {
  Reason reason;
  std::string_view name;
};

constexpr NameRow kNameRows[] = {
    {Reason::success, "success"},
    {Reason::granted_qos_1, "granted QoS 1"},
    {Reason::granted_qos_2, "granted QoS 2"},
    {Reason::disconnect_with_will, "disconnect with will message"},
    {Reason::no_matching_subscribers, "no matching subscribers"},
    {Reason::no_subscription_existed, "no subscription existed"},
    {Reason::continue_authentication, "continue authentication"},
    {Reason::re_authenticate, "re-authenticate"},
    {Reason::unspecified_error, "unspecified error"},
    {Reason::malformed_packet, "malformed packet"},
    {Reason::protocol_error, "protocol error"},
    {Reason::implementation_specific_error, "implementation specific error"},
    {Reason::unsupported_protocol_version, "unsupported protocol version"},
    {Reason::client_identifier_not_valid, "client identifier not valid"},
    {Reason::bad_user_name_or_password, "bad user name or password"},
    {Reason::not_authorized, "not authorized"},
    {Reason::server_unavailable, "server unavailable"},
    {Reason::server_busy, "server busy"},
    {Reason::banned, "banned"},
    {Reason::server_shutting_down, "server shutting down"},
    {Reason::bad_authentication_method, "bad authentication method"},
    {Reason::keep_alive_timeout, "keep alive timeout"},
    {Reason::session_taken_over, "session taken over"},
    {Reason::topic_filter_invalid, "topic filter invalid"},
    {Reason::topic_name_invalid, "topic name invalid"},
    {Reason::packet_identifier_in_use, "packet identifier in use"},
    {Reason::packet_identifier_not_found, "packet identifier not found"},
    {Reason::receive_maximum_exceeded, "receive maximum exceeded"},
    {Reason::topic_alias_invalid, "topic alias invalid"},
    {Reason::packet_too_large, "packet too large"},
    {Reason::message_rate_too_high, "message rate too high"},
    {Reason::quota_exceeded, "quota exceeded"},
    {Reason::administrative_action, "administrative action"},
    {Reason::payload_format_invalid, "payload format invalid"},
    {Reason::retain_not_supported, "retain not supported"},
    {Reason::qos_not_supported, "QoS not supported"},
    {Reason::use_another_server, "use another server"},
    {Reason::server_moved, "server moved"},
    {Reason::shared_subscriptions_not_supported, "shared subscriptions not supported"},
    {Reason::connection_rate_exceeded, "connection rate exceeded"},
    {Reason::maximum_connect_time, "maximum connect time"},
    {Reason::subscription_identifiers_not_supported, "subscription identifiers not supported"},
    {Reason::wildcard_subscriptions_not_supported, "wildcard subscriptions not supported"},
};

constexpr std::array<std::string_view, 256> make_names() {
  std::array<std::string_view, 256> names{};
  names.fill("unknown reason");
  for (const NameRow& row : kNameRows) names[value(row.reason)] = row.name;
  return names;
}

constexpr std::array<std::string_view, 256> kNames = make_names();

}  // namespace

std::string_view name(Reason reason) {
  return kNames[value(reason)];
}

bool is_known(Reason reason) {
  return kPlaces[value(reason)] != 0;
}

uint8_t connack_v3(Reason reason) {
  if (!is_error(reason)) return 0;
  // The default is meant: most codes have no counterpart and a new one will not have one either.
  switch (reason) {
    case Reason::unsupported_protocol_version:
      return 1;
    case Reason::client_identifier_not_valid:
      return 2;
    case Reason::server_unavailable:
    case Reason::server_busy:
    case Reason::server_shutting_down:
    case Reason::quota_exceeded:
    case Reason::use_another_server:
    case Reason::server_moved:
    case Reason::connection_rate_exceeded:
      return 3;
    case Reason::bad_user_name_or_password:
      return 4;
    default:
      return 5;
  }
}

bool allowed(Reason reason, ReasonPlace place) {
  return (kPlaces[value(reason)] & bit(place)) != 0;
}

}  // namespace tombo::mqtt
