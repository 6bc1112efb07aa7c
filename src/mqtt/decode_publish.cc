#include "base/check.h"
#include "mqtt/decode.h"
#include "mqtt/field_reader.h"

/// PUBLISH and its acknowledgements.
namespace tombo::mqtt {

namespace {

/// What may stand in an acknowledgement, in the order of the packet types.
struct Places {
  ReasonPlace reason;
  PropertyPlace properties;
};

constexpr Places kPlaces[] = {
    {ReasonPlace::puback, PropertyPlace::puback},
    {ReasonPlace::pubrec, PropertyPlace::pubrec},
    {ReasonPlace::pubrel, PropertyPlace::pubrel},
    {ReasonPlace::pubcomp, PropertyPlace::pubcomp},
};

}  // namespace

bool decode(const Frame& frame, Version version, Publish& packet, Malformed& error) {
  FieldReader reader(frame, error);
  const uint8_t flags = frame.flags();
  packet.dup = (flags & 0x08) != 0;
  packet.retain = (flags & 0x01) != 0;
  const uint8_t qos = (flags >> 1) & 0x03;
  if (qos == 3) return reader.fail_header("QoS 3");                       // [MQTT-3.3.1-4]
  if (packet.dup && qos == 0) return reader.fail_header("DUP at QoS 0");  // [MQTT-3.3.1-2]
  packet.qos = static_cast<Qos>(qos);
  packet.packet_id = PacketId();
  packet.properties = Properties();

  if (!reader.topic(packet.topic)) return false;
  const uint32_t topic_offset = reader.field();
  if (qos != 0 && !reader.packet_id(packet.packet_id)) return false;
  if (version == Version::v5 && !reader.properties(PropertyPlace::publish, packet.properties)) {
    return false;
  }
  // Section 3.3.2.1: an empty topic needs an alias.
  if (packet.topic.empty() && !packet.properties.number(PropertyId::topic_alias)) {
    return reader.fail_at(topic_offset, Reason::protocol_error, "topic is empty");
  }
  packet.payload = reader.rest();
  return true;
}

bool decode(const Frame& frame, Version version, Acknowledgement& packet, Malformed& error) {
  DCHECK(frame.type() >= PacketType::puback && frame.type() <= PacketType::pubcomp);
  FieldReader reader(frame, error);
  packet.type = frame.type();
  packet.reason = Reason::success;
  packet.properties = Properties();
  if (!reader.check_flags(frame, version) || !reader.packet_id(packet.packet_id)) return false;
  // Section 3.4.2.1: without a reason it is 0, without a Property Length there are no properties.
  if (version != Version::v5 || reader.remaining() == 0) return reader.at_end();
  const Places& places =
      kPlaces[static_cast<uint8_t>(packet.type) - static_cast<uint8_t>(PacketType::puback)];
  if (!reader.reason(packet.reason, places.reason)) return false;
  if (reader.remaining() == 0) return true;
  return reader.properties(places.properties, packet.properties) && reader.at_end();
}

}  // namespace tombo::mqtt
