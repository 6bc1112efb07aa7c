#include "mosquitto_db/chunk_writer.h"

#include "mosquitto_db/layout.h"
#include "mqtt/property.h"

namespace tombo::mosquitto_db {
namespace {

void write_host64(ByteWriter& writer, uint64_t value) {
  for (size_t i = 0; i < sizeof(value); ++i) writer.u8(static_cast<uint8_t>(value >> (8 * i)));
}

void write_padding(ByteWriter& writer, size_t size) {
  for (; size > 0; --size) writer.u8(0);
}

uint16_t size16(std::string_view text) {
  return static_cast<uint16_t>(text.size());
}

size_t property_block_size(Bytes properties) {
  if (properties.empty()) return 0;
  uint8_t unused[4];
  return mqtt::write_variable(unused, static_cast<uint32_t>(properties.size())) + properties.size();
}

void write_properties(ByteWriter& writer, Bytes properties) {
  if (properties.empty()) return;
  uint8_t size[4];
  const uint32_t used = mqtt::write_variable(size, static_cast<uint32_t>(properties.size()));
  writer.bytes(Bytes(size, used));
  writer.bytes(properties);
}

void write_chunk_header(ByteWriter& writer, ChunkType type, size_t body_size) {
  writer.u32(static_cast<uint32_t>(type));
  writer.u32(static_cast<uint32_t>(body_size));
}

}  // namespace

void append_header(std::vector<uint8_t>& out) {
  ByteWriter writer(out);
  writer.text(kMagic);
  writer.u32(0);  // Called CRC, and always 0.
  writer.u32(kNewestFormat);
}

void append(std::vector<uint8_t>& out, const Config& config) {
  ByteWriter writer(out);
  write_chunk_header(writer, ChunkType::config, 16);
  write_host64(writer, config.last_id);
  writer.u8(config.shutdown);
  writer.u8(config.id_size);
  write_padding(writer, 6);
}

void append(std::vector<uint8_t>& out, const Message& message) {
  ByteWriter writer(out);
  write_chunk_header(writer, ChunkType::message,
                     32 + message.client_id.size() + message.user_name.size() +
                         message.topic.size() + message.payload.size() +
                         property_block_size(message.properties));
  write_host64(writer, message.id);
  write_host64(writer, static_cast<uint64_t>(message.expires_at_s));
  writer.u32(static_cast<uint32_t>(message.payload.size()));
  writer.u16(message.packet_id);
  writer.u16(size16(message.client_id));
  writer.u16(size16(message.user_name));
  writer.u16(size16(message.topic));
  writer.u16(message.port);
  writer.u8(message.qos);
  writer.u8(message.retain);
  writer.text(message.client_id);
  writer.text(message.user_name);
  writer.text(message.topic);
  writer.bytes(message.payload);
  write_properties(writer, message.properties);
}

void append(std::vector<uint8_t>& out, const ClientMessage& message) {
  ByteWriter writer(out);
  write_chunk_header(writer, ChunkType::client_message,
                     16 + message.client_id.size() + property_block_size(message.properties));
  write_host64(writer, message.message_id);
  writer.u16(message.packet_id);
  writer.u16(size16(message.client_id));
  writer.u8(message.qos);
  writer.u8(message.state);
  writer.u8(static_cast<uint8_t>(message.retain << 4 | message.dup));
  writer.u8(message.direction);
  writer.text(message.client_id);
  write_properties(writer, message.properties);
}

void append(std::vector<uint8_t>& out, const Retained& retained) {
  ByteWriter writer(out);
  write_chunk_header(writer, ChunkType::retained, 8);
  write_host64(writer, retained.message_id);
}

void append(std::vector<uint8_t>& out, const Subscription& subscription) {
  ByteWriter writer(out);
  write_chunk_header(writer, ChunkType::subscription,
                     12 + subscription.client_id.size() + subscription.filter.size());
  writer.u32(subscription.identifier);
  writer.u16(size16(subscription.client_id));
  writer.u16(size16(subscription.filter));
  writer.u8(subscription.qos);
  writer.u8(subscription.options);
  write_padding(writer, 2);
  writer.text(subscription.client_id);
  writer.text(subscription.filter);
}

void append(std::vector<uint8_t>& out, const Client& client) {
  ByteWriter writer(out);
  write_chunk_header(writer, ChunkType::client,
                     24 + client.client_id.size() + client.user_name.size());
  write_host64(writer, static_cast<uint64_t>(client.ends_at_s));
  writer.u32(client.expiry_interval_s);
  writer.u16(client.last_packet_id);
  writer.u16(size16(client.client_id));
  writer.u16(client.port);
  writer.u16(size16(client.user_name));
  write_padding(writer, 4);
  writer.text(client.client_id);
  writer.text(client.user_name);
}

}  // namespace tombo::mosquitto_db
