#pragma once

#include <cstdint>
#include <string_view>

#include "base/strong_id.h"

/// The vocabulary of the MQTT standard: versions, packet types, quality of service, limits.
namespace tombo::mqtt {

/// Protocol Version as it stands in CONNECT (MQTT 5.0 section 3.1.2.2).
enum class Version : uint8_t { v3_1 = 3, v3_1_1 = 4, v5 = 5 };

/// Control packet type, the upper four bits of the first byte (section 2.1.2).
enum class PacketType : uint8_t {
  reserved = 0,
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  pubrec = 5,
  pubrel = 6,
  pubcomp = 7,
  subscribe = 8,
  suback = 9,
  unsubscribe = 10,
  unsuback = 11,
  pingreq = 12,
  pingresp = 13,
  disconnect = 14,
  auth = 15,
};

/// "PUBLISH", "PUBACK", ... as logs and traces write it.
std::string_view name(PacketType type);

/// Quality of service (section 4.3).
enum class Qos : uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

constexpr uint8_t value(Qos qos) {
  return static_cast<uint8_t>(qos);
}

/// Packet Identifier (section 2.2.1); 0 stands for "none".
using PacketId = StrongId<struct PacketIdTag, uint16_t>;

/// What a v5 SUBSCRIBE says about retained messages (section 3.8.3.1).
enum class RetainHandling : uint8_t { send = 0, send_if_new = 1, never = 2 };

/// Subscription Options byte (section 3.8.3.1). v3 knows only the QoS.
struct SubscribeOptions {
  Qos qos = Qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;
  RetainHandling retain_handling = RetainHandling::send;

  bool operator==(const SubscribeOptions&) const = default;
};

/// Largest Remaining Length that four bytes can say (section 2.1.4).
inline constexpr uint32_t kRemainingLengthMax = 268'435'455;
/// Longest UTF-8 string or binary field (section 1.5.4).
inline constexpr uint32_t kStringBytesMax = 65'535;
/// Largest Subscription Identifier (section 3.8.2.1.2).
inline constexpr uint32_t kSubscriptionIdMax = 268'435'455;
/// Topic levels beyond this are refused. Mosquitto's TOPIC_HIERARCHY_LIMIT allows 200 separators.
inline constexpr uint32_t kTopicLevelsMax = 201;
/// Bit of the protocol level by which a bridge says that it is one.
inline constexpr uint8_t kBridgeBit = 0x80;

}  // namespace tombo::mqtt
