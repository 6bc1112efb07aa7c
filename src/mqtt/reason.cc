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

}  // namespace

std::string_view name(Reason reason) {
  switch (reason) {
    case Reason::success:
      return "success";
    case Reason::granted_qos_1:
      return "granted QoS 1";
    case Reason::granted_qos_2:
      return "granted QoS 2";
    case Reason::disconnect_with_will:
      return "disconnect with will message";
    case Reason::no_matching_subscribers:
      return "no matching subscribers";
    case Reason::no_subscription_existed:
      return "no subscription existed";
    case Reason::continue_authentication:
      return "continue authentication";
    case Reason::re_authenticate:
      return "re-authenticate";
    case Reason::unspecified_error:
      return "unspecified error";
    case Reason::malformed_packet:
      return "malformed packet";
    case Reason::protocol_error:
      return "protocol error";
    case Reason::implementation_specific_error:
      return "implementation specific error";
    case Reason::unsupported_protocol_version:
      return "unsupported protocol version";
    case Reason::client_identifier_not_valid:
      return "client identifier not valid";
    case Reason::bad_user_name_or_password:
      return "bad user name or password";
    case Reason::not_authorized:
      return "not authorized";
    case Reason::server_unavailable:
      return "server unavailable";
    case Reason::server_busy:
      return "server busy";
    case Reason::banned:
      return "banned";
    case Reason::server_shutting_down:
      return "server shutting down";
    case Reason::bad_authentication_method:
      return "bad authentication method";
    case Reason::keep_alive_timeout:
      return "keep alive timeout";
    case Reason::session_taken_over:
      return "session taken over";
    case Reason::topic_filter_invalid:
      return "topic filter invalid";
    case Reason::topic_name_invalid:
      return "topic name invalid";
    case Reason::packet_identifier_in_use:
      return "packet identifier in use";
    case Reason::packet_identifier_not_found:
      return "packet identifier not found";
    case Reason::receive_maximum_exceeded:
      return "receive maximum exceeded";
    case Reason::topic_alias_invalid:
      return "topic alias invalid";
    case Reason::packet_too_large:
      return "packet too large";
    case Reason::message_rate_too_high:
      return "message rate too high";
    case Reason::quota_exceeded:
      return "quota exceeded";
    case Reason::administrative_action:
      return "administrative action";
    case Reason::payload_format_invalid:
      return "payload format invalid";
    case Reason::retain_not_supported:
      return "retain not supported";
    case Reason::qos_not_supported:
      return "QoS not supported";
    case Reason::use_another_server:
      return "use another server";
    case Reason::server_moved:
      return "server moved";
    case Reason::shared_subscriptions_not_supported:
      return "shared subscriptions not supported";
    case Reason::connection_rate_exceeded:
      return "connection rate exceeded";
    case Reason::maximum_connect_time:
      return "maximum connect time";
    case Reason::subscription_identifiers_not_supported:
      return "subscription identifiers not supported";
    case Reason::wildcard_subscriptions_not_supported:
      return "wildcard subscriptions not supported";
  }
  return "unknown reason";
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
