#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "mqtt/property.h"
#include "mqtt/reason.h"
#include "mqtt/types.h"

/// The fifteen control packets, v3 and v5 in one shape. All text, bytes and properties are views
/// of the frame (when decoded) or of the caller's memory (when encoded): they live no longer.
/// v3 packets have no properties and, where v3 has no reason code, Reason::success.
namespace tombo::mqtt {

struct Will {
  Qos qos = Qos::at_most_once;
  bool retain = false;
  Properties properties{};
  std::string_view topic{};
  Bytes payload{};
};

struct Connect {
  std::string_view protocol_name{};  ///< "MQTT" or "MQIsdp"
  uint8_t protocol_level = 0;        ///< as sent, the bridge bit included
  Version version = Version::v3_1_1;
  bool bridge = false;       ///< protocol level had kBridgeBit
  bool clean_start = false;  ///< v3: clean session
  uint16_t keep_alive_s = 0;
  Properties properties{};
  std::string_view client_id{};
  std::optional<Will> will{};
  std::optional<std::string_view> user_name{};
  std::optional<Bytes> password{};
};

struct Connack {
  bool session_present = false;
  Reason reason = Reason::success;
  Properties properties{};
};

struct Publish {
  bool dup = false;
  Qos qos = Qos::at_most_once;
  bool retain = false;
  std::string_view topic{};  ///< empty in v5 when a Topic Alias stands for it
  PacketId packet_id{};      ///< 0 for QoS 0
  Properties properties{};
  Bytes payload{};
};

/// PUBACK, PUBREC, PUBREL and PUBCOMP.
struct Acknowledgement {
  PacketType type = PacketType::puback;
  PacketId packet_id{};
  Reason reason = Reason::success;
  Properties properties{};
};

/// One entry of SUBSCRIBE.
struct Subscription {
  std::string_view filter{};
  SubscribeOptions options{};
};

/// The payload of SUBSCRIBE or UNSUBSCRIBE, already validated; read one entry after the other.
class FilterList {
 public:
  FilterList() = default;

  FilterList(Bytes raw, bool has_options, Version version)
      : raw_(raw), has_options_(has_options), version_(version) {}

  /// Reads the next entry into `entry`; false at the end.
  bool next(Subscription& entry);
  /// Entries left to read.
  [[nodiscard]] uint32_t count() const;

 private:
  Bytes raw_{};
  bool has_options_ = true;
  Version version_ = Version::v3_1_1;
};

struct Subscribe {
  PacketId packet_id{};
  Properties properties{};
  FilterList filters{};  ///< at least one
};

struct Unsubscribe {
  PacketId packet_id{};
  Properties properties{};
  FilterList filters{};  ///< at least one
};

/// SUBACK and UNSUBACK: a reason byte for each filter. v3 UNSUBACK has none. v3 SUBACK: 0, 1, 2
/// or 0x80 (3.1.1; in 3.1 a refusal can't be said, 0x80 is sent all the same as Mosquitto does).
struct SubscribeAcknowledgement {
  PacketType type = PacketType::suback;
  PacketId packet_id{};
  Properties properties{};
  Bytes reasons{};
};

struct Disconnect {
  Reason reason = Reason::success;
  Properties properties{};
};

struct Auth {
  Reason reason = Reason::success;
  Properties properties{};
};

}  // namespace tombo::mqtt
