#include "mqtt/message.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/check.h"

namespace tombo::mqtt {
namespace {

uint32_t forwarded_size(Properties properties) {
  uint32_t size = 0;
  for (const Property& property : properties) {
    if (is_forwarded(property.id)) size += static_cast<uint32_t>(property.raw.size());
  }
  return size;
}

uint32_t properties_size(const PublishHead& head, const Message& message) {
  uint32_t size = static_cast<uint32_t>(message.properties().raw().size());
  if (head.has_expiry) size += 5;
  if (head.topic_alias != 0) size += 3;
  for (uint32_t i = 0; i < head.subscription_id_count; ++i) {
    size += 1 + variable_size(head.subscription_ids[i]);
  }
  return size;
}

/// Remaining Length of the packet. `properties` is not looked at for v3.
uint32_t remaining_length(const PublishHead& head, const Message& message, uint32_t properties) {
  uint32_t size = 2 + static_cast<uint32_t>(head.topic.size()) + message.payload_size();
  if (head.qos != Qos::at_most_once) size += 2;
  if (head.version == Version::v5) size += variable_size(properties) + properties;
  return size;
}

uint8_t* put_u16(uint8_t* out, uint16_t value) {
  out[0] = static_cast<uint8_t>(value >> 8);
  out[1] = static_cast<uint8_t>(value);
  return out + 2;
}

uint8_t* put_text(uint8_t* out, std::string_view text) {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

uint8_t* put_properties(uint8_t* out, const PublishHead& head, const Message& message) {
  out = put_text(out, as_text(message.properties().raw()));
  if (head.has_expiry) {
    *out++ = static_cast<uint8_t>(PropertyId::message_expiry_interval);
    out = put_u16(out, static_cast<uint16_t>(head.expiry_interval_s >> 16));
    out = put_u16(out, static_cast<uint16_t>(head.expiry_interval_s));
  }
  if (head.topic_alias != 0) {
    *out++ = static_cast<uint8_t>(PropertyId::topic_alias);
    out = put_u16(out, head.topic_alias);
  }
  for (uint32_t i = 0; i < head.subscription_id_count; ++i) {
    *out++ = static_cast<uint8_t>(PropertyId::subscription_identifier);
    out += write_variable(out, head.subscription_ids[i]);
  }
  return out;
}

/// In front of a source's names: listener and the sizes of both.
constexpr uint32_t kSourceHeadSize = 6;

uint32_t size_of(const std::optional<MessageSource>& source) {
  if (!source) return 0;
  return kSourceHeadSize +
         static_cast<uint32_t>(source->client_id.size() + source->user_name.size());
}

void put_source(uint8_t* out, const MessageSource& source) {
  out = put_u16(out, source.listener);
  out = put_u16(out, static_cast<uint16_t>(source.client_id.size()));
  out = put_u16(out, static_cast<uint16_t>(source.user_name.size()));
  put_text(put_text(out, source.client_id), source.user_name);
}

uint16_t get_u16(const char* from) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(from);
  return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}

}  // namespace

bool is_forwarded(PropertyId id) {
  return id != PropertyId::topic_alias && id != PropertyId::subscription_identifier &&
         id != PropertyId::message_expiry_interval && id != PropertyId::will_delay_interval;
}

SharedRef<const Message> Message::make(const MessageParts& parts) {
  DCHECK(parts.topic.size() <= kStringBytesMax);
  const uint32_t properties = parts.properties.empty() ? 0 : forwarded_size(parts.properties);
  const size_t size = sizeof(Message) + parts.topic.size() + properties + parts.payload.size() +
                      size_of(parts.source);
  void* memory = std::malloc(size);
  CHECK(memory != nullptr);
  auto* message = new (memory) Message;
  message->topic_size_ = static_cast<uint16_t>(parts.topic.size());
  message->properties_size_ = properties;
  message->payload_size_ = static_cast<uint32_t>(parts.payload.size());
  message->qos_ = parts.qos;
  message->retain_ = parts.retain;
  message->has_source_ = parts.source.has_value();
  message->origin_ = parts.origin;
  message->sequence_ = parts.sequence;
  message->expires_at_ms_ = parts.expires_at_ms;

  auto* out = reinterpret_cast<uint8_t*>(message + 1);
  out = put_text(out, parts.topic);
  if (properties != 0) {
    for (const Property& property : parts.properties) {
      if (is_forwarded(property.id)) out = put_text(out, as_text(property.raw));
    }
  }
  out = put_text(out, as_text(parts.payload));
  if (parts.source) put_source(out, *parts.source);
  return SharedRef<const Message>::adopt(message);
}

std::optional<MessageSource> Message::source() const {
  if (!has_source_) return std::nullopt;
  const char* at = reinterpret_cast<const char*>(this) + source_offset();
  const char* names = at + kSourceHeadSize;
  const size_t client_id_size = get_u16(at + 2);
  return MessageSource{.client_id = {names, client_id_size},
                       .user_name = {names + client_id_size, get_u16(at + 4)},
                       .listener = get_u16(at)};
}

uint32_t Message::source_size() const {
  return size_of(source());
}

void Message::destroy(const Message* message) {
  message->~Message();
  std::free(const_cast<Message*>(message));
}

uint32_t publish_size(const PublishHead& head, const Message& message) {
  const uint32_t properties = head.version == Version::v5 ? properties_size(head, message) : 0;
  const uint32_t remaining = remaining_length(head, message, properties);
  return 1 + variable_size(remaining) + remaining;
}

uint32_t publish_head_size_max(const PublishHead& head, const Message& message) {
  return 5 + 2 + static_cast<uint32_t>(head.topic.size()) + 2 + 4 +
         static_cast<uint32_t>(message.properties().raw().size()) + 5 + 3 +
         5 * head.subscription_id_count;
}

uint32_t write_publish_head(uint8_t* out, const PublishHead& head, const Message& message) {
  const uint32_t properties = head.version == Version::v5 ? properties_size(head, message) : 0;
  uint8_t* at = out;
  *at++ =
      static_cast<uint8_t>(static_cast<unsigned>(PacketType::publish) << 4 | (head.dup ? 8U : 0U) |
                           static_cast<unsigned>(value(head.qos)) << 1 | (head.retain ? 1U : 0U));
  at += write_variable(at, remaining_length(head, message, properties));
  at = put_u16(at, static_cast<uint16_t>(head.topic.size()));
  at = put_text(at, head.topic);
  if (head.qos != Qos::at_most_once) at = put_u16(at, head.packet_id.value());
  if (head.version == Version::v5) {
    at += write_variable(at, properties);
    at = put_properties(at, head, message);
  }
  return static_cast<uint32_t>(at - out);
}

}  // namespace tombo::mqtt
