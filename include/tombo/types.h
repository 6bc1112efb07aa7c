#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What clients and brokers say to each other, in the words of the MQTT standard.
namespace tombo::client {

/// Protocol Version as it stands in CONNECT.
enum class Version : uint8_t { v3_1 = 3, v3_1_1 = 4, v5 = 5 };

/// Quality of service.
enum class Qos : uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

/// What a v5 SUBSCRIBE says about retained messages (section 3.8.3.1).
enum class RetainHandling : uint8_t { send = 0, send_if_new = 1, never = 2 };

/// Property identifiers (MQTT 5.0 section 2.2.2.2).
enum class PropertyId : uint8_t {
  payload_format_indicator = 1,
  message_expiry_interval = 2,
  content_type = 3,
  response_topic = 8,
  correlation_data = 9,
  subscription_identifier = 11,
  session_expiry_interval = 17,
  assigned_client_identifier = 18,
  server_keep_alive = 19,
  authentication_method = 21,
  authentication_data = 22,
  request_problem_information = 23,
  will_delay_interval = 24,
  request_response_information = 25,
  response_information = 26,
  server_reference = 28,
  reason_string = 31,
  receive_maximum = 33,
  topic_alias_maximum = 34,
  topic_alias = 35,
  maximum_qos = 36,
  retain_available = 37,
  user_property = 38,
  maximum_packet_size = 39,
  wildcard_subscription_available = 40,
  subscription_identifier_available = 41,
  shared_subscription_available = 42,
};

/// One property; which member holds the value follows from its identifier.
struct Property {
  PropertyId id{};
  uint32_t number = 0;  ///< of all that are numbers
  std::string text{};   ///< of texts and binary data; the name of a user property
  std::string value{};  ///< of a user property

  bool operator==(const Property&) const = default;
};

/// Properties of a packet in their order. v3 has none.
class Properties {
 public:
  Properties() = default;

  Properties& add(PropertyId id, uint32_t number) {
    all_.push_back({.id = id, .number = number});
    return *this;
  }

  Properties& add(PropertyId id, std::string text) {
    all_.push_back({.id = id, .text = std::move(text)});
    return *this;
  }

  Properties& add_user_property(std::string name, std::string value) {
    all_.push_back(
        {.id = PropertyId::user_property, .text = std::move(name), .value = std::move(value)});
    return *this;
  }

  /// The number of the first property with this identifier.
  [[nodiscard]] std::optional<uint32_t> number(PropertyId id) const {
    const Property* found = find(id);
    return found == nullptr ? std::nullopt : std::optional(found->number);
  }

  /// The text of the first property with this identifier; null: there is none.
  [[nodiscard]] const std::string* text(PropertyId id) const {
    const Property* found = find(id);
    return found == nullptr ? nullptr : &found->text;
  }

  [[nodiscard]] bool empty() const { return all_.empty(); }

  [[nodiscard]] auto begin() const { return all_.begin(); }

  [[nodiscard]] auto end() const { return all_.end(); }

  bool operator==(const Properties&) const = default;

 private:
  [[nodiscard]] const Property* find(PropertyId id) const {
    for (const Property& each : all_) {
      if (each.id == id) return &each;
    }
    return nullptr;
  }

  std::vector<Property> all_;
};

/// An application message to be published, or a will.
struct Message {
  std::string topic{};
  std::string payload{};  ///< any bytes
  Qos qos = Qos::at_most_once;
  bool retain = false;
  Properties properties{};
};

/// A message that was received. Lives as long as the call that hands it over.
struct Received {
  std::string_view topic;
  std::string_view payload;
  Qos qos = Qos::at_most_once;
  bool retain = false;
  bool dup = false;
  uint16_t packet_id = 0;  ///< 0 at QoS 0
  Properties properties{};
};

/// One entry of SUBSCRIBE.
struct Subscription {
  std::string filter{};
  Qos qos = Qos::at_most_once;
  bool no_local = false;                                  ///< v5
  bool retain_as_published = false;                       ///< v5
  RetainHandling retain_handling = RetainHandling::send;  ///< v5
};

}  // namespace tombo::client
