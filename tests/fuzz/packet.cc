#include <algorithm>
#include <memory>
#include <vector>

#include "base/check.h"
#include "fuzz/input.h"
#include "mqtt/decode.h"
#include "mqtt/describe.h"
#include "mqtt/encode.h"
#include "mqtt/frame.h"
#include "mqtt/message.h"

/// The decoder of every packet in every version: what it refuses it says why and where; what it
/// takes is encoded and decoded again, to the same values in no more bytes. A PUBLISH goes the
/// broker's own way too, through a Message.
/// Input: a byte for version and sender, the packet's first byte, its body.
namespace tombo::fuzz {
namespace {

using mqtt::Buffer;
using mqtt::Frame;
using mqtt::Malformed;
using mqtt::PacketType;
using mqtt::Version;

enum class Sender : uint8_t { client, server };

bool same(const mqtt::Properties& a, const mqtt::Properties& b) {
  return std::ranges::equal(a.raw(), b.raw());
}

bool same(const mqtt::Will& a, const mqtt::Will& b) {
  return a.qos == b.qos && a.retain == b.retain && same(a.properties, b.properties) &&
         a.topic == b.topic && as_text(a.payload) == as_text(b.payload);
}

bool same(const mqtt::Connect& a, const mqtt::Connect& b) {
  const bool wills =
      a.will.has_value() == b.will.has_value() && (!a.will || same(*a.will, *b.will));
  const bool passwords = a.password.has_value() == b.password.has_value() &&
                         (!a.password || as_text(*a.password) == as_text(*b.password));
  return wills && passwords && a.protocol_name == b.protocol_name &&
         a.protocol_level == b.protocol_level && a.version == b.version && a.bridge == b.bridge &&
         a.clean_start == b.clean_start && a.keep_alive_s == b.keep_alive_s &&
         same(a.properties, b.properties) && a.client_id == b.client_id &&
         a.user_name == b.user_name;
}

bool same(const mqtt::Connack& a, const mqtt::Connack& b) {
  return a.session_present == b.session_present && a.reason == b.reason &&
         same(a.properties, b.properties);
}

bool same(const mqtt::Publish& a, const mqtt::Publish& b) {
  return a.dup == b.dup && a.qos == b.qos && a.retain == b.retain && a.topic == b.topic &&
         a.packet_id == b.packet_id && same(a.properties, b.properties) &&
         as_text(a.payload) == as_text(b.payload);
}

bool same(const mqtt::Acknowledgement& a, const mqtt::Acknowledgement& b) {
  return a.type == b.type && a.packet_id == b.packet_id && a.reason == b.reason &&
         same(a.properties, b.properties);
}

bool same(mqtt::FilterList a, mqtt::FilterList b) {
  mqtt::Subscription one;
  mqtt::Subscription other;
  for (uint32_t left = a.count(); a.next(one); --left) {
    CHECK(left == a.count() + 1);
    if (!b.next(other) || one.filter != other.filter || one.options != other.options) return false;
  }
  return !b.next(other);
}

/// SUBSCRIBE and UNSUBSCRIBE.
template <class Packet>

requires requires(Packet packet) {
  packet.filters;
}

bool same(const Packet& a, const Packet& b) {
  return a.packet_id == b.packet_id && same(a.properties, b.properties) &&
         same(a.filters, b.filters);
}

bool same(const mqtt::SubscribeAcknowledgement& a, const mqtt::SubscribeAcknowledgement& b) {
  return a.type == b.type && a.packet_id == b.packet_id && same(a.properties, b.properties) &&
         as_text(a.reasons) == as_text(b.reasons);
}

/// DISCONNECT and AUTH.
template <class Packet>
bool same_ending(const Packet& a, const Packet& b) {
  return a.reason == b.reason && same(a.properties, b.properties);
}

bool same(const mqtt::Disconnect& a, const mqtt::Disconnect& b) {
  return same_ending(a, b);
}

bool same(const mqtt::Auth& a, const mqtt::Auth& b) {
  return same_ending(a, b);
}

bool contains(const mqtt::Properties& properties, const mqtt::Property& wanted) {
  for (const mqtt::Property& property : properties) {
    if (as_text(property.raw) == as_text(wanted.raw)) return true;
  }
  return false;
}

/// A frame whose bytes stand in memory of just their size.
class OwnFrame {
 public:
  OwnFrame(uint8_t first_byte, Bytes body)
      : bytes_(std::make_unique<uint8_t[]>(body.size())),
        frame_{.first_byte = first_byte,
               .body = {bytes_.get(), body.size()},
               .header_size = 1 + mqtt::variable_size(static_cast<uint32_t>(body.size()))} {
    std::ranges::copy(body, bytes_.get());
  }

  [[nodiscard]] const Frame& operator*() const { return frame_; }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  Frame frame_;
};

/// One packet that is decoded, encoded, decoded.
class Trip {
 public:
  Trip(Version version, Sender sender) : version_(version), sender_(sender) {}

  void run(const Frame& frame);

 private:
  template <class Packet>
  void there_and_back(const Frame& frame);
  void ping(const Frame& frame);
  void refused(const Frame& frame, const Malformed& error) const;
  void through_a_message(const mqtt::Publish& packet) const;

  bool decode(const Frame& frame, mqtt::Connect& packet, Malformed& error) const {
    return mqtt::decode(frame, packet, error);
  }

  bool decode(const Frame& frame, mqtt::Disconnect& packet, Malformed& error) const {
    return mqtt::decode(frame, version_, sender_ == Sender::client, packet, error);
  }

  template <class Packet>
  bool decode(const Frame& frame, Packet& packet, Malformed& error) const {
    return mqtt::decode(frame, version_, packet, error);
  }

  void encode(const mqtt::Connect& packet, Buffer& out) const { mqtt::encode(packet, out); }

  void encode(const mqtt::Auth& packet, Buffer& out) const { mqtt::encode(packet, out); }

  void encode(mqtt::Subscribe packet, Buffer& out) const {
    std::vector<mqtt::Subscription> filters;
    for (mqtt::Subscription entry; packet.filters.next(entry);) filters.push_back(entry);
    CHECK(!filters.empty());
    mqtt::encode_subscribe(packet.packet_id, packet.properties, filters, version_, out);
  }

  void encode(mqtt::Unsubscribe packet, Buffer& out) const {
    std::vector<std::string_view> filters;
    for (mqtt::Subscription entry; packet.filters.next(entry);) filters.push_back(entry.filter);
    CHECK(!filters.empty());
    mqtt::encode_unsubscribe(packet.packet_id, packet.properties, filters, version_, out);
  }

  template <class Packet>
  void encode(const Packet& packet, Buffer& out) const {
    mqtt::encode(packet, version_, out);
  }

  template <class Packet>
  void also(const Packet& /*packet*/) const {}

  void also(const mqtt::Publish& packet) const { through_a_message(packet); }

  Version version_;
  Sender sender_;
};

void Trip::refused(const Frame& frame, const Malformed& error) const {
  CHECK(!error.why.empty() && mqtt::is_error(error.reason) && mqtt::is_known(error.reason));
  CHECK(error.offset <= frame.size());
}

template <class Packet>
void Trip::there_and_back(const Frame& frame) {
  Packet first;
  Malformed error;
  if (!decode(frame, first, error)) return refused(frame, error);
  Buffer bytes;
  encode(first, bytes);
  CHECK(bytes.size() <= frame.size(), "encoding made it longer");
  const mqtt::Cut cut = mqtt::cut_frame(bytes, 0);
  CHECK(cut.status == mqtt::CutStatus::complete && cut.frame.size() == bytes.size());
  const OwnFrame again(cut.frame.first_byte, cut.frame.body);
  Packet second;
  CHECK(decode(*again, second, error), error.why);
  CHECK(same(first, second), "decoded, encoded and decoded it is another packet");
  also(second);
}

/// What a subscriber of the same version would get of it.
void Trip::through_a_message(const mqtt::Publish& packet) const {
  if (packet.topic.empty()) return;  // a topic alias, which the broker resolves before
  const auto message = mqtt::Message::make({.topic = packet.topic,
                                            .properties = packet.properties,
                                            .payload = packet.payload,
                                            .qos = packet.qos,
                                            .retain = packet.retain});
  const auto alias = packet.properties.number(mqtt::PropertyId::topic_alias);
  std::vector<uint32_t> ids;
  for (const mqtt::Property& property : packet.properties) {
    if (property.id == mqtt::PropertyId::subscription_identifier) ids.push_back(property.number);
  }
  const auto expiry = packet.properties.number(mqtt::PropertyId::message_expiry_interval);
  const mqtt::PublishHead head{.version = version_,
                               .qos = packet.qos,
                               .dup = packet.dup,
                               .retain = packet.retain,
                               .packet_id = packet.packet_id,
                               .topic = message->topic(),
                               .topic_alias = static_cast<uint16_t>(alias.value_or(0)),
                               .expiry_interval_s = expiry.value_or(0),
                               .has_expiry = expiry.has_value(),
                               .subscription_ids = ids.data(),
                               .subscription_id_count = static_cast<uint32_t>(ids.size())};
  const uint32_t room = mqtt::publish_head_size_max(head, *message);
  Buffer bytes(room);
  const uint32_t used = mqtt::write_publish_head(bytes.data(), head, *message);
  CHECK(used <= room);
  bytes.resize(used);
  const Bytes payload = message->payload();
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  CHECK(bytes.size() == mqtt::publish_size(head, *message));
  const mqtt::Cut cut = mqtt::cut_frame(bytes, 0);
  CHECK(cut.status == mqtt::CutStatus::complete && cut.frame.size() == bytes.size());
  mqtt::Publish got;
  Malformed error;
  CHECK(mqtt::decode(cut.frame, version_, got, error), error.why);
  // The broker's own properties come last, so the order may differ; all of them are there.
  CHECK(got.properties.raw().size() == packet.properties.raw().size());
  for (const mqtt::Property& property : packet.properties) {
    CHECK(contains(got.properties, property));
  }
  mqtt::Publish wanted = packet;
  wanted.properties = got.properties = {};
  CHECK(same(wanted, got));
}

void Trip::ping(const Frame& frame) {
  Malformed error;
  if (!mqtt::decode_ping(frame, error)) return refused(frame, error);
  Buffer bytes;
  mqtt::encode_ping(frame.type(), bytes);
  CHECK(bytes.size() == frame.size() && bytes[0] == frame.first_byte);
}

void Trip::run(const Frame& frame) {
  CHECK(!mqtt::describe(frame, version_, sender_ == Sender::client).empty());
  switch (frame.type()) {
    case PacketType::reserved:
      return;
    case PacketType::connect:
      return there_and_back<mqtt::Connect>(frame);
    case PacketType::connack:
      return there_and_back<mqtt::Connack>(frame);
    case PacketType::publish:
      return there_and_back<mqtt::Publish>(frame);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return there_and_back<mqtt::Acknowledgement>(frame);
    case PacketType::subscribe:
      return there_and_back<mqtt::Subscribe>(frame);
    case PacketType::unsubscribe:
      return there_and_back<mqtt::Unsubscribe>(frame);
    case PacketType::suback:
    case PacketType::unsuback:
      return there_and_back<mqtt::SubscribeAcknowledgement>(frame);
    case PacketType::pingreq:
    case PacketType::pingresp:
      return ping(frame);
    case PacketType::disconnect:
      return there_and_back<mqtt::Disconnect>(frame);
    case PacketType::auth:
      return there_and_back<mqtt::Auth>(frame);
  }
}

void run(Input input) {
  const uint8_t choice = input.below(6);
  const uint8_t first_byte = input.u8();
  const OwnFrame frame(first_byte, input.rest());
  Trip(static_cast<Version>(3 + choice % 3), static_cast<Sender>(choice / 3)).run(*frame);
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}
