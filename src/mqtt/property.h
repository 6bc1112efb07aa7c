#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "mqtt/reason.h"
#include "mqtt/types.h"

namespace tombo::mqtt {

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

/// How a property's value is encoded.
enum class PropertyType : uint8_t { byte, two_byte, four_byte, variable, text, binary, pair };

/// Places where properties stand: the packet types, and the will inside CONNECT.
enum class PropertyPlace : uint8_t {
  connect,
  will,
  connack,
  publish,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  disconnect,
  auth,
};

/// One row of the table: identifier, type, places, whether it may come more than once.
struct PropertyInfo {
  PropertyId id;
  PropertyType type;
  std::string_view name;  ///< As the standard writes it, in lower case with hyphens: "topic-alias".
  uint16_t places;        ///< Bit 1 << PropertyPlace.
  bool repeatable_in_publish;  ///< Subscription Identifier; user properties always repeat.
};

/// The row of an identifier byte, or nullptr when the standard has no such property.
const PropertyInfo* property_info(uint8_t id);

/// A decoded property; which member holds the value follows from its type.
struct Property {
  PropertyId id{};
  uint32_t number = 0;       ///< byte, two_byte, four_byte, variable
  std::string_view text{};   ///< text, binary; name of a pair
  std::string_view value{};  ///< value of a pair
  Bytes raw{};               ///< identifier and value as they stand in the packet
};

/// Properties as a view of bytes that check_properties() has found valid. Cheap to copy; empty is
/// the normal case and costs nothing.
class Properties {
 public:
  Properties() = default;

  /// Requires: `raw` passed check_properties(). Without the Property Length in front.
  explicit Properties(Bytes raw) : raw_(raw) {}

  class Iterator {
   public:
    Iterator() = default;

    explicit Iterator(Bytes rest) : rest_(rest) { read(); }

    const Property& operator*() const { return current_; }

    const Property* operator->() const { return &current_; }

    Iterator& operator++() {
      rest_ = rest_.subspan(current_.raw.size());
      read();
      return *this;
    }

    bool operator==(const Iterator& other) const { return rest_.size() == other.rest_.size(); }

   private:
    void read();
    Bytes rest_;
    Property current_;
  };

  [[nodiscard]] Iterator begin() const { return Iterator(raw_); }

  [[nodiscard]] Iterator end() const { return Iterator(); }

  [[nodiscard]] bool empty() const { return raw_.empty(); }

  [[nodiscard]] Bytes raw() const { return raw_; }

  /// The number of the first property with this identifier. Linear.
  [[nodiscard]] std::optional<uint32_t> number(PropertyId id) const;
  /// The text or binary value of the first property with this identifier. Linear.
  [[nodiscard]] std::optional<std::string_view> text(PropertyId id) const;

 private:
  Bytes raw_;
};

/// Why a packet was refused, for the reason code and the log line.
struct Malformed {
  Reason reason = Reason::malformed_packet;
  uint32_t offset = 0;     ///< Byte offset from the packet's first byte.
  std::string_view why{};  ///< Static text: "topic alias 0".
};

/// Validates properties (without their length in front): identifiers known and allowed in `place`,
/// no doubles, values in range (booleans 0/1, receive maximum and maximum packet size not 0,
/// subscription identifier not 0, topic alias not 0, maximum QoS 0/1, response topic without
/// wildcards), strings valid UTF-8, data with a method. Reasons: malformed_packet for what cannot
/// be parsed, protocol_error for what may not stand there, topic_alias_invalid for alias 0.
/// Session Expiry Interval from a server is left to the decoder of DISCONNECT.
/// `base` is the offset of raw[0] in the packet. One pass, no allocation.
[[nodiscard]] bool check_properties(Bytes raw, PropertyPlace place, uint32_t base,
                                    Malformed& error);

/// Appends encoded properties (without the length in front) to a buffer.
class PropertyWriter {
 public:
  explicit PropertyWriter(std::vector<uint8_t>& out) : out_(out) {}

  void number(PropertyId id, uint32_t value);  ///< width by the property's type
  void text(PropertyId id, std::string_view value);
  void pair(std::string_view name, std::string_view value);  ///< user property
  void copy(const Property& property);

 private:
  std::vector<uint8_t>& out_;
};

/// Variable Byte Integer (section 1.5.5). False when it is cut short, longer than four bytes or not
/// in its shortest form [MQTT-1.5.5-1].
[[nodiscard]] bool read_variable(ByteReader& reader, uint32_t& value);
uint32_t variable_size(uint32_t value);
void append_variable(std::vector<uint8_t>& out, uint32_t value);
/// Writes to `out`, which has room for four bytes; returns the bytes used.
uint32_t write_variable(uint8_t* out, uint32_t value);

}  // namespace tombo::mqtt
