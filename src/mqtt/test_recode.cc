#include <vector>

#include "base/check.h"
#include "mqtt/decode.h"
#include "mqtt/test_vectors.h"

namespace tombo::mqtt {

namespace {

uint8_t digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
  CHECK(c >= 'a' && c <= 'f');
  return static_cast<uint8_t>(c - 'a' + 10);
}

template <class Packet>
bool recode_as(const Frame& frame, Version version, Buffer& out, Malformed& error) {
  Packet packet;
  if (!decode(frame, version, packet, error)) return false;
  encode(packet, version, out);
  return true;
}

bool recode_connect(const Frame& frame, Buffer& out, Malformed& error) {
  Connect packet;
  if (!decode(frame, packet, error)) return false;
  encode(packet, out);
  return true;
}

bool recode_subscribe(const Frame& frame, Version version, Buffer& out, Malformed& error) {
  Subscribe packet;
  if (!decode(frame, version, packet, error)) return false;
  std::vector<Subscription> filters;
  const uint32_t count = packet.filters.count();
  for (Subscription entry; packet.filters.next(entry);) filters.push_back(entry);
  CHECK(filters.size() == count);
  encode_subscribe(packet.packet_id, packet.properties, filters, version, out);
  return true;
}

bool recode_unsubscribe(const Frame& frame, Version version, Buffer& out, Malformed& error) {
  Unsubscribe packet;
  if (!decode(frame, version, packet, error)) return false;
  std::vector<std::string_view> filters;
  for (Subscription entry; packet.filters.next(entry);) filters.push_back(entry.filter);
  encode_unsubscribe(packet.packet_id, packet.properties, filters, version, out);
  return true;
}

bool recode_disconnect(const Frame& frame, Version version, Sender sender, Buffer& out,
                       Malformed& error) {
  Disconnect packet;
  if (!decode(frame, version, sender == Sender::client, packet, error)) return false;
  encode(packet, version, out);
  return true;
}

bool recode_auth(const Frame& frame, Version version, Buffer& out, Malformed& error) {
  Auth packet;
  if (!decode(frame, version, packet, error)) return false;
  encode(packet, out);
  return true;
}

bool recode_ping(const Frame& frame, Buffer& out, Malformed& error) {
  if (!decode_ping(frame, error)) return false;
  encode_ping(frame.type(), out);
  return true;
}

}  // namespace

Buffer from_hex(std::string_view hex) {
  Buffer bytes;
  for (size_t i = 0; i < hex.size(); ++i) {
    if (hex[i] == ' ') continue;
    CHECK(i + 1 < hex.size());
    bytes.push_back(static_cast<uint8_t>(digit(hex[i]) << 4 | digit(hex[i + 1])));
    ++i;
  }
  return bytes;
}

Frame whole_frame(Bytes bytes) {
  const Cut cut = cut_frame(bytes, 0);
  CHECK(cut.status == CutStatus::complete);
  return cut.frame;
}

bool recode(const Frame& frame, Version version, Sender sender, Buffer& out, Malformed& error) {
  switch (frame.type()) {
    case PacketType::connect:
      return recode_connect(frame, out, error);
    case PacketType::connack:
      return recode_as<Connack>(frame, version, out, error);
    case PacketType::publish:
      return recode_as<Publish>(frame, version, out, error);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return recode_as<Acknowledgement>(frame, version, out, error);
    case PacketType::subscribe:
      return recode_subscribe(frame, version, out, error);
    case PacketType::suback:
    case PacketType::unsuback:
      return recode_as<SubscribeAcknowledgement>(frame, version, out, error);
    case PacketType::unsubscribe:
      return recode_unsubscribe(frame, version, out, error);
    case PacketType::pingreq:
    case PacketType::pingresp:
      return recode_ping(frame, out, error);
    case PacketType::disconnect:
      return recode_disconnect(frame, version, sender, out, error);
    case PacketType::auth:
      return recode_auth(frame, version, out, error);
    case PacketType::reserved:
      break;
  }
  error = {.reason = Reason::malformed_packet, .offset = 0, .why = "packet type 0"};
  return false;
}

}  // namespace tombo::mqtt
