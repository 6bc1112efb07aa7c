#include "mqtt/encode.h"

#include "base/check.h"
#include "mqtt/field_reader.h"

namespace tombo::mqtt {

namespace {

uint32_t size32(size_t size) {
  return static_cast<uint32_t>(size);
}

uint32_t text_size(size_t bytes) {
  return 2 + size32(bytes);
}

/// Property Length and properties; nothing before MQTT 5.
uint32_t properties_size(const Properties& properties, Version version) {
  if (version != Version::v5) return 0;
  const uint32_t size = size32(properties.raw().size());
  return variable_size(size) + size;
}

/// Appends one packet field by field; the caller says the Remaining Length first.
class PacketWriter {
 public:
  PacketWriter(Buffer& out, PacketType type, uint32_t remaining_length)
      : PacketWriter(out, type, reserved_flags(type), remaining_length) {}

  PacketWriter(Buffer& out, PacketType type, uint8_t flags, uint32_t remaining_length)
      : out_(out), writer_(out) {
    DCHECK(remaining_length <= kRemainingLengthMax);
    u8(static_cast<uint8_t>(static_cast<uint8_t>(type) << 4 | flags));
    append_variable(out_, remaining_length);
    end_ = out_.size() + remaining_length;
  }

  ~PacketWriter() { DCHECK(out_.size() == end_, "Remaining Length and fields differ"); }

  PacketWriter(const PacketWriter&) = delete;
  PacketWriter& operator=(const PacketWriter&) = delete;

  void u8(uint8_t value) { writer_.u8(value); }

  void u16(uint16_t value) { writer_.u16(value); }

  void reason(Reason reason) { u8(value(reason)); }

  void packet_id(PacketId id) { u16(id.value()); }

  void raw(Bytes bytes) { writer_.bytes(bytes); }

  void binary(Bytes bytes) {
    DCHECK(bytes.size() <= kStringBytesMax);
    u16(static_cast<uint16_t>(bytes.size()));
    raw(bytes);
  }

  void text(std::string_view text) { binary(as_bytes(text)); }

  void properties(const Properties& properties, Version version) {
    if (version != Version::v5) return;
    append_variable(out_, size32(properties.raw().size()));
    raw(properties.raw());
  }

 private:
  Buffer& out_;
  ByteWriter writer_;
  size_t end_ = 0;
};

std::string_view protocol_name(const Connect& packet) {
  if (!packet.protocol_name.empty()) return packet.protocol_name;
  return packet.version == Version::v3_1 ? "MQIsdp" : "MQTT";
}

uint8_t protocol_level(const Connect& packet) {
  if (packet.protocol_level != 0) return packet.protocol_level;
  const auto level = static_cast<uint8_t>(packet.version);
  return packet.bridge ? static_cast<uint8_t>(level | kBridgeBit) : level;
}

uint8_t connect_flags(const Connect& packet) {
  uint32_t flags = 0;
  if (packet.clean_start) flags |= 0x02;
  if (packet.will) {
    flags |= 0x04U | static_cast<uint32_t>(value(packet.will->qos)) << 3;
    if (packet.will->retain) flags |= 0x20;
  }
  if (packet.password) flags |= 0x40;
  if (packet.user_name) flags |= 0x80;
  return static_cast<uint8_t>(flags);
}

uint32_t connect_size(const Connect& packet) {
  uint32_t size = text_size(protocol_name(packet).size()) + 4 +
                  properties_size(packet.properties, packet.version) +
                  text_size(packet.client_id.size());
  if (packet.will) {
    size += properties_size(packet.will->properties, packet.version) +
            text_size(packet.will->topic.size()) + text_size(packet.will->payload.size());
  }
  if (packet.user_name) size += text_size(packet.user_name->size());
  if (packet.password) size += text_size(packet.password->size());
  return size;
}

uint8_t options_byte(const SubscribeOptions& options, Version version) {
  uint32_t byte = value(options.qos);
  if (version != Version::v5) return static_cast<uint8_t>(byte);
  if (options.no_local) byte |= 0x04;
  if (options.retain_as_published) byte |= 0x08;
  byte |= static_cast<uint32_t>(options.retain_handling) << 4;
  return static_cast<uint8_t>(byte);
}

}  // namespace

void encode(const Connect& packet, Buffer& out) {
  PacketWriter writer(out, PacketType::connect, connect_size(packet));
  writer.text(protocol_name(packet));
  writer.u8(protocol_level(packet));
  writer.u8(connect_flags(packet));
  writer.u16(packet.keep_alive_s);
  writer.properties(packet.properties, packet.version);
  writer.text(packet.client_id);
  if (packet.will) {
    writer.properties(packet.will->properties, packet.version);
    writer.text(packet.will->topic);
    writer.binary(packet.will->payload);
  }
  if (packet.user_name) writer.text(*packet.user_name);
  if (packet.password) writer.binary(*packet.password);
}

void encode(const Connack& packet, Version version, Buffer& out) {
  PacketWriter writer(out, PacketType::connack, 2 + properties_size(packet.properties, version));
  writer.u8(packet.session_present ? 1 : 0);
  writer.u8(version == Version::v5 ? value(packet.reason) : connack_v3(packet.reason));
  writer.properties(packet.properties, version);
}

void encode(const Publish& packet, Version version, Buffer& out) {
  const bool has_id = packet.qos != Qos::at_most_once;
  const uint32_t flags = (packet.dup ? 0x08U : 0U) | static_cast<uint32_t>(value(packet.qos)) << 1 |
                         (packet.retain ? 0x01U : 0U);
  const uint32_t size = text_size(packet.topic.size()) + (has_id ? 2 : 0) +
                        properties_size(packet.properties, version) + size32(packet.payload.size());
  PacketWriter writer(out, PacketType::publish, static_cast<uint8_t>(flags), size);
  writer.text(packet.topic);
  if (has_id) writer.packet_id(packet.packet_id);
  writer.properties(packet.properties, version);
  writer.raw(packet.payload);
}

void encode(const Acknowledgement& packet, Version version, Buffer& out) {
  const bool has_properties = version == Version::v5 && !packet.properties.empty();
  const bool has_reason =
      version == Version::v5 && (has_properties || packet.reason != Reason::success);
  const uint32_t size =
      2 + (has_reason ? 1 : 0) + (has_properties ? properties_size(packet.properties, version) : 0);
  PacketWriter writer(out, packet.type, size);
  writer.packet_id(packet.packet_id);
  if (has_reason) writer.reason(packet.reason);
  if (has_properties) writer.properties(packet.properties, version);
}

void encode(const SubscribeAcknowledgement& packet, Version version, Buffer& out) {
  const bool has_reasons = packet.type == PacketType::suback || version == Version::v5;
  const uint32_t size = 2 + properties_size(packet.properties, version) +
                        (has_reasons ? size32(packet.reasons.size()) : 0);
  PacketWriter writer(out, packet.type, size);
  writer.packet_id(packet.packet_id);
  writer.properties(packet.properties, version);
  if (has_reasons) writer.raw(packet.reasons);
}

void encode(const Disconnect& packet, Version version, Buffer& out) {
  const bool has_properties = version == Version::v5 && !packet.properties.empty();
  const bool has_reason =
      version == Version::v5 && (has_properties || packet.reason != Reason::success);
  const uint32_t size =
      (has_reason ? 1 : 0) + (has_properties ? properties_size(packet.properties, version) : 0);
  PacketWriter writer(out, PacketType::disconnect, size);
  if (has_reason) writer.reason(packet.reason);
  if (has_properties) writer.properties(packet.properties, version);
}

void encode(const Auth& packet, Buffer& out) {
  // Section 3.15.2.1: reason and Property Length are left out together or not at all.
  const bool has_body = packet.reason != Reason::success || !packet.properties.empty();
  const uint32_t size = has_body ? 1 + properties_size(packet.properties, Version::v5) : 0;
  PacketWriter writer(out, PacketType::auth, size);
  if (!has_body) return;
  writer.reason(packet.reason);
  writer.properties(packet.properties, Version::v5);
}

void encode_subscribe(PacketId id, Properties properties, std::span<const Subscription> filters,
                      Version version, Buffer& out) {
  uint32_t size = 2 + properties_size(properties, version);
  for (const Subscription& entry : filters) size += text_size(entry.filter.size()) + 1;
  PacketWriter writer(out, PacketType::subscribe, size);
  writer.packet_id(id);
  writer.properties(properties, version);
  for (const Subscription& entry : filters) {
    writer.text(entry.filter);
    writer.u8(options_byte(entry.options, version));
  }
}

void encode_unsubscribe(PacketId id, Properties properties,
                        std::span<const std::string_view> filters, Version version, Buffer& out) {
  uint32_t size = 2 + properties_size(properties, version);
  for (const std::string_view filter : filters) size += text_size(filter.size());
  PacketWriter writer(out, PacketType::unsubscribe, size);
  writer.packet_id(id);
  writer.properties(properties, version);
  for (const std::string_view filter : filters) writer.text(filter);
}

void encode_ping(PacketType type, Buffer& out) {
  DCHECK(type == PacketType::pingreq || type == PacketType::pingresp);
  PacketWriter writer(out, type, 0);
}

}  // namespace tombo::mqtt
