#include <optional>
#include <type_traits>

#include "base/check.h"
#include "mqtt/decode.h"
#include "mqtt/field_reader.h"
#include "mqtt/topic.h"
#include "mqtt/utf8.h"

/// SUBSCRIBE, UNSUBSCRIBE and their acknowledgements.
namespace tombo::mqtt {

namespace {

bool check_filter(FieldReader& reader, std::string_view filter) {
  if (!valid_utf8(filter)) {  // [MQTT-3.8.3-1] [MQTT-3.10.3-1]
    return reader.fail(Reason::malformed_packet, "filter is not valid UTF-8");
  }
  if (filter.empty()) return reader.fail(Reason::malformed_packet, "filter is empty");
  if (filter.size() >= kTopicLevelsMax && level_count(filter) > kTopicLevelsMax) {
    return reader.fail(Reason::malformed_packet, "filter has too many levels");
  }
  // A bare "$share" is a filter like any other to the standard; Mosquitto refuses it.
  if (is_shared(filter) || filter == "$share") {
    const std::optional<SharedFilter> shared = parse_shared(filter);
    if (!shared) {  // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
      return reader.fail(Reason::protocol_error, "shared subscription without group or filter");
    }
    filter = shared->filter;
  }
  if (!valid_topic_filter(filter)) {  // [MQTT-4.7.1-1] [MQTT-4.7.1-2]
    return reader.fail(Reason::malformed_packet, "wildcard in the wrong place");
  }
  return true;
}

bool check_options(FieldReader& reader, Version version, uint8_t options, bool shared) {
  if (version != Version::v5) {
    // [MQTT-3.8.3-4] of MQTT 3.1.1 calls both malformed.
    if (options > 2) return reader.fail(Reason::malformed_packet, "subscription QoS over 2");
    return true;
  }
  if ((options & 0xC0) != 0) {  // [MQTT-3.8.3-5]
    return reader.fail(Reason::malformed_packet, "reserved subscription options set");
  }
  // Section 3.8.3.1 calls the values 3 of both fields a protocol error, not malformed.
  if ((options & 0x03) == 0x03) {
    return reader.fail(Reason::protocol_error, "subscription QoS over 2");
  }
  if ((options & 0x30) == 0x30) {
    return reader.fail(Reason::protocol_error, "retain handling 3");
  }
  if (shared && (options & 0x04) != 0) {  // [MQTT-3.8.3-4]
    return reader.fail(Reason::protocol_error, "no local on a shared subscription");
  }
  return true;
}

bool check_filters(FieldReader& reader, Version version, bool has_options) {
  if (reader.remaining() == 0) {  // [MQTT-3.8.3-2] [MQTT-3.10.3-2]
    static_cast<void>(reader.rest());
    return reader.fail(Reason::protocol_error, "no filters");
  }
  while (reader.remaining() != 0) {
    std::string_view filter;
    if (!reader.raw_text(filter) || !check_filter(reader, filter)) return false;
    if (!has_options) continue;
    uint8_t options = 0;
    if (!reader.u8(options) || !check_options(reader, version, options, is_shared(filter))) {
      return false;
    }
  }
  return true;
}

/// SUBSCRIBE and UNSUBSCRIBE differ in the options behind each filter.
template <class Packet>
bool decode_filters(const Frame& frame, Version version, Packet& packet, Malformed& error) {
  constexpr bool kSubscribe = std::is_same_v<Packet, Subscribe>;
  constexpr PropertyPlace kPlace =
      kSubscribe ? PropertyPlace::subscribe : PropertyPlace::unsubscribe;
  FieldReader reader(frame, error);
  packet = Packet();
  // [MQTT-3.8.1-1] [MQTT-3.10.1-1]
  if (!reader.check_flags(frame, version) || !reader.packet_id(packet.packet_id)) return false;
  if (version == Version::v5 && !reader.properties(kPlace, packet.properties)) return false;
  const Bytes payload = frame.body.last(reader.remaining());
  if (!check_filters(reader, version, kSubscribe)) return false;
  packet.filters = FilterList(payload, kSubscribe, version);
  return true;
}

bool check_reasons(FieldReader& reader, Version version, SubscribeAcknowledgement& packet) {
  const bool suback = packet.type == PacketType::suback;
  const auto place = suback ? ReasonPlace::suback : ReasonPlace::unsuback;
  packet.reasons = reader.rest();
  if (packet.reasons.empty()) return reader.fail(Reason::protocol_error, "no reason codes");
  for (const uint8_t code : packet.reasons) {
    if (version == Version::v5) {
      if (!reader.check_reason(static_cast<Reason>(code), place)) return false;
    } else if (code > 2 && code != 0x80) {  // [MQTT-3.9.3-2] of MQTT 3.1.1
      return reader.fail(Reason::malformed_packet, "unknown return code");
    }
  }
  return true;
}

}  // namespace

bool decode(const Frame& frame, Version version, Subscribe& packet, Malformed& error) {
  return decode_filters(frame, version, packet, error);
}

bool decode(const Frame& frame, Version version, Unsubscribe& packet, Malformed& error) {
  return decode_filters(frame, version, packet, error);
}

bool decode(const Frame& frame, Version version, SubscribeAcknowledgement& packet,
            Malformed& error) {
  FieldReader reader(frame, error);
  packet = SubscribeAcknowledgement();
  packet.type = frame.type();
  const bool suback = packet.type == PacketType::suback;
  const auto place = suback ? PropertyPlace::suback : PropertyPlace::unsuback;
  if (!reader.check_flags(frame, version) || !reader.packet_id(packet.packet_id)) return false;
  if (version == Version::v5 && !reader.properties(place, packet.properties)) return false;
  if (!suback && version != Version::v5) return reader.at_end();
  return check_reasons(reader, version, packet);
}

bool FilterList::next(Subscription& entry) {
  if (raw_.empty()) return false;
  ByteReader reader(raw_);
  entry = Subscription();
  entry.filter = as_text(reader.bytes(reader.u16()));
  if (has_options_) {
    const uint8_t options = reader.u8();
    entry.options.qos = static_cast<Qos>(options & 0x03);
    if (version_ == Version::v5) {
      entry.options.no_local = (options & 0x04) != 0;
      entry.options.retain_as_published = (options & 0x08) != 0;
      entry.options.retain_handling = static_cast<RetainHandling>((options >> 4) & 0x03);
    }
  }
  CHECK(reader.ok(), "filters were not checked");
  raw_ = reader.rest();
  return true;
}

uint32_t FilterList::count() const {
  FilterList rest = *this;
  Subscription entry;
  uint32_t count = 0;
  while (rest.next(entry)) ++count;
  return count;
}

}  // namespace tombo::mqtt
