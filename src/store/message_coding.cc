#include "store/message_coding.h"

#include <cstdint>

#include "mqtt/property.h"
#include "store/varint.h"

namespace tombo::store {
namespace {

// Flags of a message. Bits 0 and 1 are its QoS.
constexpr uint8_t kQosBits = 0x03;
constexpr uint8_t kRetain = 0x04;
constexpr uint8_t kHasExpiry = 0x08;
constexpr uint8_t kHasOrigin = 0x10;
constexpr uint8_t kHasSource = 0x20;
constexpr uint8_t kKnown = 0x3F;

uint8_t flags_of(const mqtt::MessageParts& parts) {
  uint8_t flags = mqtt::value(parts.qos);
  if (parts.retain) flags |= kRetain;
  if (parts.expires_at_ms != 0) flags |= kHasExpiry;
  if (parts.origin != 0) flags |= kHasOrigin;
  if (parts.source) flags |= kHasSource;
  return flags;
}

void append_sized(std::vector<uint8_t>& out, Bytes bytes) {
  append_varint(out, bytes.size());
  out.insert(out.end(), bytes.begin(), bytes.end());
}

[[nodiscard]] bool read_sized(ByteReader& reader, Bytes& bytes) {
  uint64_t size = 0;
  if (!read_varint(reader, size) || size > reader.remaining()) return false;
  bytes = reader.bytes(size);
  return true;
}

[[nodiscard]] bool read_text(ByteReader& reader, std::string_view& text) {
  Bytes bytes;
  if (!read_sized(reader, bytes) || bytes.size() > UINT16_MAX) return false;
  text = as_text(bytes);
  return true;
}

[[nodiscard]] bool read_source(ByteReader& reader, mqtt::MessageSource& source) {
  uint64_t listener = 0;
  if (!read_text(reader, source.client_id) || !read_text(reader, source.user_name) ||
      !read_varint(reader, listener) || listener > UINT16_MAX) {
    return false;
  }
  source.listener = static_cast<uint16_t>(listener);
  return true;
}

}  // namespace

void append_message(std::vector<uint8_t>& out, const mqtt::MessageParts& parts) {
  out.push_back(flags_of(parts));
  append_sized(out, as_bytes(parts.topic));
  append_sized(out, parts.properties.raw());
  append_sized(out, parts.payload);
  if (parts.expires_at_ms != 0) append_varint(out, zigzag(parts.expires_at_ms));
  if (parts.origin != 0) append_varint(out, parts.origin);
  if (!parts.source) return;
  append_sized(out, as_bytes(parts.source->client_id));
  append_sized(out, as_bytes(parts.source->user_name));
  append_varint(out, parts.source->listener);
}

bool read_message(ByteReader& reader, mqtt::MessageParts& parts) {
  const uint8_t flags = reader.u8();
  if (!reader.ok() || (flags & ~kKnown) != 0 || (flags & kQosBits) == kQosBits) return false;
  parts = {};
  parts.qos = static_cast<mqtt::Qos>(flags & kQosBits);
  parts.retain = (flags & kRetain) != 0;
  Bytes properties;
  if (!read_text(reader, parts.topic) || !read_sized(reader, properties) ||
      !read_sized(reader, parts.payload)) {
    return false;
  }
  mqtt::Malformed error;
  if (!mqtt::check_properties(properties, mqtt::PropertyPlace::publish, 0, error)) return false;
  parts.properties = mqtt::Properties(properties);
  if ((flags & kHasExpiry) != 0) {
    uint64_t expiry = 0;
    if (!read_varint(reader, expiry)) return false;
    parts.expires_at_ms = unzigzag(expiry);
  }
  if ((flags & kHasOrigin) != 0 && !read_varint(reader, parts.origin)) return false;
  return (flags & kHasSource) == 0 || read_source(reader, parts.source.emplace());
}

mqtt::MessageParts parts_of(const mqtt::Message& message) {
  return {.topic = message.topic(),
          .properties = message.properties(),
          .payload = message.payload(),
          .qos = message.qos(),
          .retain = message.retain(),
          .origin = message.origin(),
          .expires_at_ms = message.expires_at_ms(),
          .source = message.source()};
}

}  // namespace tombo::store
