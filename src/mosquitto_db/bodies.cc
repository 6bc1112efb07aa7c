#include "mosquitto_db/bodies.h"

#include <string_view>

#include "mqtt/property.h"

namespace tombo::mosquitto_db {

uint64_t read_host64(ByteReader& reader, const Layout& layout) {
  const Bytes raw = reader.bytes(sizeof(uint64_t));
  uint64_t value = 0;
  for (size_t i = 0; i < raw.size(); ++i) {
    const size_t place = layout.big_endian_host ? raw.size() - 1 - i : i;
    value |= uint64_t{raw[i]} << (8 * place);
  }
  return value;
}

namespace {

int64_t read_time(ByteReader& reader, const Layout& layout) {
  return static_cast<int64_t>(read_host64(reader, layout));
}

std::string_view read_text(ByteReader& reader, size_t size) {
  return as_text(reader.bytes(size));
}

/// A length and so much text.
std::string_view read_sized_text(ByteReader& reader) {
  return read_text(reader, reader.u16());
}

/// Properties up to the end of the body; their absence is no block at all.
Bytes read_properties(ByteReader& reader) {
  if (reader.remaining() == 0) return {};
  uint32_t size = 0;
  // A length that is none: more is asked for than there can be, which fails the reader.
  if (!mqtt::read_variable(reader, size)) size = UINT32_MAX;
  return reader.bytes(size);
}

/// Up to Mosquitto 2.0.15 the writer did not clear its buffer between clients: one without a user
/// name got that of the client before it, a NUL and foreign memory.
std::string_view without_foreign_memory(std::string_view user_name) {
  return user_name.find('\0') == std::string_view::npos ? user_name : std::string_view();
}

}  // namespace

namespace padded {

Config read_config(ByteReader& reader, const Layout& layout) {
  Config config;
  config.last_id = read_host64(reader, layout);
  config.shutdown = reader.u8();
  config.id_size = reader.u8();
  reader.skip(layout.narrow ? 2 : 6);
  return config;
}

Message read_message(ByteReader& reader, const Layout& layout) {
  Message message;
  message.id = read_host64(reader, layout);
  message.expires_at_s = read_time(reader, layout);
  const uint32_t payload_size = reader.u32();
  message.packet_id = reader.u16();
  const uint16_t client_id_size = reader.u16();
  const uint16_t user_name_size = reader.u16();
  const uint16_t topic_size = reader.u16();
  message.port = reader.u16();
  message.qos = reader.u8();
  message.retain = reader.u8();
  message.client_id = read_text(reader, client_id_size);
  message.user_name = read_text(reader, user_name_size);
  message.topic = read_text(reader, topic_size);
  message.payload = reader.bytes(payload_size);
  message.properties = read_properties(reader);
  return message;
}

ClientMessage read_client_message(ByteReader& reader, const Layout& layout) {
  ClientMessage message;
  message.message_id = read_host64(reader, layout);
  message.packet_id = reader.u16();
  const uint16_t client_id_size = reader.u16();
  message.qos = reader.u8();
  message.state = reader.u8();
  const uint8_t retain_and_dup = reader.u8();
  message.retain = retain_and_dup >> 4;
  message.dup = retain_and_dup & 0x0F;
  message.direction = reader.u8();
  message.client_id = read_text(reader, client_id_size);
  message.properties = read_properties(reader);
  return message;
}

Subscription read_subscription(ByteReader& reader) {
  Subscription subscription;
  subscription.identifier = reader.u32();
  const uint16_t client_id_size = reader.u16();
  const uint16_t filter_size = reader.u16();
  subscription.qos = reader.u8();
  subscription.options = reader.u8();
  reader.skip(2);
  subscription.client_id = read_text(reader, client_id_size);
  subscription.filter = read_text(reader, filter_size);
  return subscription;
}

Client read_client(ByteReader& reader, const Layout& layout) {
  Client client;
  client.ends_at_s = read_time(reader, layout);
  client.expiry_interval_s = reader.u32();
  client.last_packet_id = reader.u16();
  const uint16_t client_id_size = reader.u16();
  uint16_t user_name_size = 0;
  if (layout.format >= 6) {
    client.port = reader.u16();
    user_name_size = reader.u16();
    if (!layout.narrow) reader.skip(4);
  }
  client.client_id = read_text(reader, client_id_size);
  client.user_name = without_foreign_memory(read_text(reader, user_name_size));
  return client;
}

}  // namespace padded

namespace packed {

Config read_config(ByteReader& reader, const Layout& layout) {
  Config config;
  config.shutdown = reader.u8();
  config.id_size = reader.u8();
  config.last_id = read_host64(reader, layout);
  return config;
}

Message read_message(ByteReader& reader, const Layout& layout) {
  Message message;
  message.id = read_host64(reader, layout);
  message.client_id = read_sized_text(reader);
  if (layout.format >= 4) {
    message.user_name = read_sized_text(reader);
    message.port = reader.u16();
  }
  message.packet_id = reader.u16();
  reader.skip(2);
  message.topic = read_sized_text(reader);
  message.qos = reader.u8();
  message.retain = reader.u8();
  message.payload = reader.bytes(reader.u32());
  return message;
}

ClientMessage read_client_message(ByteReader& reader, const Layout& layout) {
  ClientMessage message;
  message.client_id = read_sized_text(reader);
  message.message_id = read_host64(reader, layout);
  message.packet_id = reader.u16();
  message.qos = reader.u8();
  message.retain = reader.u8();
  message.direction = reader.u8();
  message.state = reader.u8();
  message.dup = reader.u8();
  return message;
}

Subscription read_subscription(ByteReader& reader) {
  Subscription subscription;
  subscription.client_id = read_sized_text(reader);
  subscription.filter = read_sized_text(reader);
  subscription.qos = reader.u8();
  return subscription;
}

Client read_client(ByteReader& reader, const Layout& layout) {
  Client client;
  client.expiry_interval_s = kNeverExpires;
  client.client_id = read_sized_text(reader);
  client.last_packet_id = reader.u16();
  if (layout.format < 3) return client;
  // 32-bit hosts wrote 4 bytes of time; the length of the chunk tells.
  if (reader.remaining() >= sizeof(uint64_t)) {
    client.disconnected_at_s = read_time(reader, layout);
  } else if (layout.big_endian_host) {
    client.disconnected_at_s = reader.u32();
  } else {
    uint32_t time = reader.u32();
    client.disconnected_at_s = __builtin_bswap32(time);
  }
  return client;
}

}  // namespace packed
}  // namespace tombo::mosquitto_db
