#include "client/topic_aliases.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "mqtt/frame.h"
#include "mqtt/property.h"

namespace tombo::client {

void TopicAliases::reset(uint32_t most) {
  most_ = std::min(most, kMost);
  aliases_.clear();
}

uint16_t TopicAliases::alias_of(std::string_view topic, bool& is_known) {
  const auto found = aliases_.find(topic);
  is_known = found != aliases_.end();
  if (is_known) return found->second;
  if (aliases_.size() >= most_) return 0;
  const auto alias = static_cast<uint16_t>(aliases_.size() + 1);
  aliases_.emplace(topic, alias);
  return alias;
}

void TopicAliases::append(std::span<const uint8_t> packet, const Place& place,
                          std::vector<uint8_t>& out) {
  const mqtt::Frame frame = mqtt::cut_frame(packet, 0).frame;
  ByteReader reader(frame.body);
  reader.skip(sizeof(uint16_t));
  const Bytes topic = reader.bytes(place.topic_size);
  const Bytes packet_id = reader.bytes(place.has_packet_id ? sizeof(uint16_t) : 0);
  uint32_t properties_size = 0;
  const bool is_whole = mqtt::read_variable(reader, properties_size);
  CHECK(is_whole);
  bool is_known = false;
  const uint16_t alias = alias_of(as_text(topic), is_known);
  if (alias == 0) {
    out.insert(out.end(), packet.begin(), packet.end());
    return;
  }
  const Bytes sent_topic = is_known ? Bytes() : topic;
  const auto new_size = static_cast<uint32_t>(properties_size + kPropertySize);
  const size_t body_size = sizeof(uint16_t) + sent_topic.size() + packet_id.size() +
                           mqtt::variable_size(new_size) + kPropertySize + reader.remaining();
  ByteWriter writer(out);
  writer.u8(frame.first_byte);
  mqtt::append_variable(out, static_cast<uint32_t>(body_size));
  writer.u16(static_cast<uint16_t>(sent_topic.size()));
  writer.bytes(sent_topic);
  writer.bytes(packet_id);
  mqtt::append_variable(out, new_size);
  writer.u8(static_cast<uint8_t>(mqtt::PropertyId::topic_alias));
  writer.u16(alias);
  writer.bytes(reader.rest());
}

}  // namespace tombo::client
