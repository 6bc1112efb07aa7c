#include <array>

#include "mqtt/property.h"

namespace tombo::mqtt {

namespace {

constexpr uint16_t bit(PropertyPlace place) {
  return static_cast<uint16_t>(1U << static_cast<uint8_t>(place));
}

template <class... Places>
constexpr uint16_t in(Places... places) {
  return static_cast<uint16_t>((bit(places) | ...));
}

using enum PropertyPlace;

constexpr uint16_t kMessage = in(publish, will);
constexpr uint16_t kConnection = in(connect, connack);
constexpr uint16_t kAuthentication = in(connect, connack, auth);
constexpr uint16_t kAnswer =
    in(connack, puback, pubrec, pubrel, pubcomp, suback, unsuback, disconnect, auth);
constexpr uint16_t kAnywhere = kAnswer | in(connect, will, publish, subscribe, unsubscribe);

using Id = PropertyId;
using Type = PropertyType;

/// Table 2-4 of the standard.
constexpr PropertyInfo kRows[] = {
    {Id::payload_format_indicator, Type::byte, "payload-format-indicator", kMessage, false},
    {Id::message_expiry_interval, Type::four_byte, "message-expiry-interval", kMessage, false},
    {Id::content_type, Type::text, "content-type", kMessage, false},
    {Id::response_topic, Type::text, "response-topic", kMessage, false},
    {Id::correlation_data, Type::binary, "correlation-data", kMessage, false},
    {Id::subscription_identifier, Type::variable, "subscription-identifier", in(publish, subscribe),
     true},
    {Id::session_expiry_interval, Type::four_byte, "session-expiry-interval",
     in(connect, connack, disconnect), false},
    {Id::assigned_client_identifier, Type::text, "assigned-client-identifier", in(connack), false},
    {Id::server_keep_alive, Type::two_byte, "server-keep-alive", in(connack), false},
    {Id::authentication_method, Type::text, "authentication-method", kAuthentication, false},
    {Id::authentication_data, Type::binary, "authentication-data", kAuthentication, false},
    {Id::request_problem_information, Type::byte, "request-problem-information", in(connect),
     false},
    {Id::will_delay_interval, Type::four_byte, "will-delay-interval", in(will), false},
    {Id::request_response_information, Type::byte, "request-response-information", in(connect),
     false},
    {Id::response_information, Type::text, "response-information", in(connack), false},
    {Id::server_reference, Type::text, "server-reference", in(connack, disconnect), false},
    {Id::reason_string, Type::text, "reason-string", kAnswer, false},
    {Id::receive_maximum, Type::two_byte, "receive-maximum", kConnection, false},
    {Id::topic_alias_maximum, Type::two_byte, "topic-alias-maximum", kConnection, false},
    {Id::topic_alias, Type::two_byte, "topic-alias", in(publish), false},
    {Id::maximum_qos, Type::byte, "maximum-qos", in(connack), false},
    {Id::retain_available, Type::byte, "retain-available", in(connack), false},
    {Id::user_property, Type::pair, "user-property", kAnywhere, true},
    {Id::maximum_packet_size, Type::four_byte, "maximum-packet-size", kConnection, false},
    {Id::wildcard_subscription_available, Type::byte, "wildcard-subscription-available",
     in(connack), false},
    {Id::subscription_identifier_available, Type::byte, "subscription-identifier-available",
     in(connack), false},
    {Id::shared_subscription_available, Type::byte, "shared-subscription-available", in(connack),
     false},
};

constexpr uint8_t kIdEnd = 43;

/// The row of each identifier; a row without a name stands for none.
constexpr std::array<PropertyInfo, kIdEnd> make_by_id() {
  std::array<PropertyInfo, kIdEnd> by_id{};
  for (const PropertyInfo& row : kRows) by_id[static_cast<uint8_t>(row.id)] = row;
  return by_id;
}

constexpr std::array<PropertyInfo, kIdEnd> kById = make_by_id();

}  // namespace

const PropertyInfo* property_info(uint8_t id) {
  if (id >= kIdEnd || kById[id].name.empty()) return nullptr;
  return &kById[id];
}

}  // namespace tombo::mqtt
