#include "fuzz/shard_peer.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "mqtt/topic.h"

namespace tombo::fuzz {

using mqtt::Frame;
using mqtt::Malformed;
using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::Qos;
using mqtt::Version;

namespace {

constexpr uint64_t kSeed = 1;

/// Takes whole packets off the front of `bytes`. False: what comes there is no packet.
template <class F>
bool take_packets(mqtt::Buffer& bytes, F&& on_packet) {
  size_t taken = 0;
  while (true) {
    const mqtt::Cut cut = mqtt::cut_frame(Bytes(bytes).subspan(taken), 0);
    if (cut.status == mqtt::CutStatus::incomplete) break;
    if (cut.status != mqtt::CutStatus::complete) return false;
    on_packet(cut.frame);
    taken += cut.frame.size();
  }
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(taken));
  return true;
}

/// The filter below a mount point as the broker enters it, and without "$share/GROUP/".
std::string mounted(std::string_view mount_point, std::string_view filter) {
  const auto shared = mqtt::parse_shared(filter);
  return std::string(mount_point) + std::string(shared ? shared->filter : filter);
}

}  // namespace

uint64_t Sayings::key_of(std::string_view topic, Bytes payload) {
  return mix64(hash64(topic, kSeed) + 3 * hash64(as_text(payload), kSeed));
}

void Sayings::note_published(std::string_view topic, Bytes payload, Qos qos) {
  Published& published = published_[key_of(topic, payload)];
  published.topic = topic;
  published.qos = std::max(published.qos, qos);
}

std::optional<Qos> Sayings::published(std::string_view topic, Bytes payload) const {
  const auto found = published_.find(key_of(topic, payload));
  if (found == published_.end() || found->second.topic != topic) return std::nullopt;
  return found->second.qos;
}

std::set<std::string> Sayings::topics() const {
  std::set<std::string> topics;
  for (const auto& [key, published] : published_) topics.insert(published.topic);
  return topics;
}

const Sayings::Client& Peer::client() const {
  const auto found = sayings_.clients.find(client_id_);
  return found == sayings_.clients.end() ? nameless_ : found->second;
}

Sayings::Client& Peer::client() {
  return client_id_.empty() ? nameless_ : sayings_.clients[client_id_];
}

PacketType Peer::answer_to(State state) {
  switch (state) {
    case State::at_least_once:
      return PacketType::puback;
    case State::exactly_once:
      return PacketType::pubrec;
    case State::released:
      break;
  }
  return PacketType::pubcomp;
}

uint16_t Peer::some_outstanding(uint8_t which) const {
  if (outstanding_.empty()) return 0;
  return std::next(outstanding_.begin(), static_cast<ptrdiff_t>(which % outstanding_.size()))
      ->first;
}

mqtt::Buffer Peer::answers() const {
  mqtt::Buffer bytes;
  for (const auto& [id, message] : outstanding_) {
    mqtt::encode(
        mqtt::Acknowledgement{.type = answer_to(message.state), .packet_id = mqtt::PacketId(id)},
        version_, bytes);
  }
  return bytes;
}

// What the client says.

void Peer::sent(Bytes bytes) {
  if (hopeless_) return;
  to_broker_.insert(to_broker_.end(), bytes.begin(), bytes.end());
  // The broker ends a connection at the first thing that is no packet.
  if (!take_packets(to_broker_, [this](const Frame& frame) { on_sent(frame); })) hopeless_ = true;
}

void Peer::on_sent(const Frame& frame) {
  if (hopeless_) return;
  if (!said_connect_) return sent_connect(frame);
  switch (frame.type()) {
    case PacketType::publish:
      return sent_publish(frame);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return sent_acknowledgement(frame);
    case PacketType::subscribe:
      return sent_subscribe(frame);
    case PacketType::unsubscribe:
      return sent_unsubscribe(frame);
    case PacketType::pingreq:
      ++pings_;
      return;
    case PacketType::reserved:
    case PacketType::connect:
    case PacketType::connack:
    case PacketType::suback:
    case PacketType::unsuback:
    case PacketType::pingresp:
    case PacketType::disconnect:
    case PacketType::auth:
      return;  // The end, or without an answer.
  }
}

void Peer::sent_connect(const Frame& frame) {
  mqtt::Connect packet;
  Malformed error;
  if (frame.type() != PacketType::connect || !mqtt::decode(frame, packet, error)) {
    hopeless_ = true;
    return;
  }
  said_connect_ = true;
  version_ = packet.version;
  client_id_ = packet.client_id;
  clean_ = packet.clean_start;
  client().came.insert(number_);
  if (packet.will) {
    sayings_.note_published(mount_point_ + std::string(packet.will->topic), packet.will->payload,
                            packet.will->qos);
  }
  if (version_ != Version::v5) return;
  const auto number = [&packet](PropertyId id, uint32_t otherwise) {
    return packet.properties.number(id).value_or(otherwise);
  };
  packet_size_max_ = number(PropertyId::maximum_packet_size, UINT32_MAX);
  receive_maximum_ = number(PropertyId::receive_maximum, UINT16_MAX);
  alias_maximum_ = number(PropertyId::topic_alias_maximum, 0);
}

void Peer::sent_publish(const Frame& frame) {
  mqtt::Publish packet;
  Malformed error;
  if (!mqtt::decode(frame, version_, packet, error)) return;
  std::string topic(packet.topic);
  if (const auto alias = packet.properties.number(PropertyId::topic_alias)) {
    if (topic.empty()) {
      topic = aliases_out_[*alias];
    } else {
      aliases_out_[*alias] = topic;
    }
  }
  sayings_.note_published(mount_point_ + topic, packet.payload, packet.qos);
  if (packet.qos == Qos::at_most_once) return;
  const bool once = packet.qos == Qos::exactly_once;
  owed_.emplace_back(once ? PacketType::pubrec : PacketType::puback, packet.packet_id.value());
}

void Peer::sent_acknowledgement(const Frame& frame) {
  mqtt::Acknowledgement packet;
  Malformed error;
  if (!mqtt::decode(frame, version_, packet, error)) return;
  const uint16_t id = packet.packet_id.value();
  if (packet.type == PacketType::pubrel) {
    owed_.emplace_back(PacketType::pubcomp, id);
    return;
  }
  if (packet.type == PacketType::pubrec) recs_.insert(id);
  const auto found = outstanding_.find(id);
  if (found == outstanding_.end()) return;
  State& state = found->second.state;
  if (packet.type == PacketType::pubrec) {
    if (state == State::at_least_once) return;
    state = State::released;
    if (mqtt::is_error(packet.reason)) free_place(found);
  } else if ((packet.type == PacketType::puback) == (state == State::at_least_once)) {
    free_place(found);
  }
}

void Peer::free_place(std::map<uint16_t, Outstanding>::iterator at) {
  if (at->second.takes_place) --places_;
  outstanding_.erase(at);
}

void Peer::sent_subscribe(const Frame& frame) {
  mqtt::Subscribe packet;
  Malformed error;
  if (!mqtt::decode(frame, version_, packet, error)) return;
  Asked asked{.answer = PacketType::suback, .id = packet.packet_id.value(), .qos = {}};
  const uint32_t subscription_id =
      packet.properties.number(PropertyId::subscription_identifier).value_or(0);
  for (mqtt::Subscription entry; packet.filters.next(entry);) {
    client().wishes.push_back({.peer = number_,
                               .filter = mounted(mount_point_, entry.filter),
                               .qos = entry.options.qos,
                               .subscription_id = subscription_id});
    asked.qos.push_back(entry.options.qos);
  }
  asked_.push_back(std::move(asked));
}

void Peer::sent_unsubscribe(const Frame& frame) {
  mqtt::Unsubscribe packet;
  Malformed error;
  if (!mqtt::decode(frame, version_, packet, error)) return;
  Asked asked{.answer = PacketType::unsuback, .id = packet.packet_id.value(), .qos = {}};
  asked.qos.resize(packet.filters.count());
  asked_.push_back(std::move(asked));
}

// What the broker says.

void Peer::received(Bytes bytes) {
  from_broker_.insert(from_broker_.end(), bytes.begin(), bytes.end());
  const bool whole = take_packets(from_broker_, [this](const Frame& frame) { on_received(frame); });
  CHECK(whole, "the broker sent what is no packet");
}

void Peer::on_received(const Frame& frame) {
  CHECK(!ended_, "a packet behind the last one");
  CHECK(frame.size() <= packet_size_max_, "larger than the client's maximum packet size");
  if (!let_in_) return received_connack(frame);
  Malformed error;
  switch (frame.type()) {
    case PacketType::publish:
      return received_publish(frame);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return received_acknowledgement(frame);
    case PacketType::suback:
    case PacketType::unsuback:
      return received_answer(frame);
    case PacketType::pingresp:
      CHECK(mqtt::decode_ping(frame, error) && pings_ != 0, "a PINGRESP without PINGREQ");
      --pings_;
      return;
    case PacketType::disconnect: {
      mqtt::Disconnect packet;
      CHECK(version_ == Version::v5, "a DISCONNECT to a client of MQTT 3");
      CHECK(mqtt::decode(frame, version_, /*by_client=*/false, packet, error), error.why);
      ended_ = true;
      return;
    }
    case PacketType::reserved:
    case PacketType::connect:
    case PacketType::connack:
    case PacketType::subscribe:
    case PacketType::unsubscribe:
    case PacketType::pingreq:
    case PacketType::auth:
      CHECK(false, "a packet that this server does not send");
  }
}

void Peer::received_connack(const Frame& frame) {
  CHECK(frame.type() == PacketType::connack, "the first packet is no CONNACK");
  // Who did not say a version that can be read is answered in one or the other.
  const Version version = said_connect_            ? version_
                          : frame.body.size() == 2 ? Version::v3_1_1
                                                   : Version::v5;
  mqtt::Connack packet;
  Malformed error;
  const bool fine = mqtt::decode(frame, version, packet, error);
  CHECK(fine, error.why);
  if (packet.reason != mqtt::Reason::success) {
    CHECK(!packet.session_present);
    ended_ = true;
    return;
  }
  CHECK(said_connect_, "let in without a CONNECT");
  let_in_ = true;
  if (const auto assigned = packet.properties.text(PropertyId::assigned_client_identifier)) {
    CHECK(client_id_.empty() && !assigned->empty());
    client_id_ = *assigned;
    client() = std::exchange(nameless_, {});
  }
  Sayings::Client& known = client();
  CHECK(!packet.session_present || (!clean_ && known.came.size() > 1), "whose session is it?");
  // MQTT 3.1 does not say whether there was a session.
  if (clean_ || (version != Version::v3_1 && !packet.session_present)) {
    std::erase_if(known.wishes, [&](const Sayings::Wish& wish) {
      return wish.peer != number_ && known.let_in.contains(wish.peer);
    });
  }
  known.let_in.insert(number_);
}

void Peer::received_publish(const Frame& frame) {
  mqtt::Publish packet;
  Malformed error;
  const bool fine = mqtt::decode(frame, version_, packet, error);
  CHECK(fine, error.why);
  std::string topic(packet.topic);
  if (const auto alias = packet.properties.number(PropertyId::topic_alias)) {
    CHECK(*alias <= alias_maximum_, "a topic alias over the client's maximum");
    if (topic.empty()) {
      topic = aliases_in_[*alias];
    } else {
      aliases_in_[*alias] = topic;
    }
  }
  CHECK(mqtt::valid_topic_name(topic), "a topic alias that stands for nothing");
  check_delivery(packet, topic);
  ++deliveries_;
  if (packet.qos != Qos::at_most_once) take_place(packet);
}

/// Was it published, and is it for this client? A session may have come here from a listener with
/// another mount point: then topics are what they are.
void Peer::check_delivery(const mqtt::Publish& packet, std::string_view topic) const {
  const bool found = may_be(mount_point_ + std::string(topic), packet) || may_be(topic, packet);
  CHECK(found, "a message that nobody published so, or that this client did not subscribe to");
}

bool Peer::may_be(std::string_view topic, const mqtt::Publish& packet) const {
  const auto published = sayings_.published(topic, packet.payload);
  if (!published || (packet.qos > *published && !sayings_.qos_is_upgraded)) return false;
  std::set<uint32_t> ids;
  bool wanted = false;
  for (const Sayings::Wish& wish : client().wishes) {
    if (!mqtt::topic_matches(wish.filter, topic)) continue;
    wanted |= packet.qos <= wish.qos;
    ids.insert(wish.subscription_id);
  }
  for (const mqtt::Property& property : packet.properties) {
    const bool is_id = property.id == PropertyId::subscription_identifier;
    if (is_id && !ids.contains(property.number)) return false;
  }
  return wanted;
}

/// A place in the window, under an id that no other message has.
void Peer::take_place(const mqtt::Publish& packet) {
  const uint16_t id = packet.packet_id.value();
  const bool once = packet.qos == Qos::exactly_once;
  const Outstanding message{.state = once ? State::exactly_once : State::at_least_once,
                            .takes_place = true};
  CHECK(outstanding_.emplace(id, message).second, "a packet id in use twice");
  CHECK(++places_ <= receive_maximum_, "more than the client's receive maximum");
  if (once) client().exactly_once.insert(id);
}

void Peer::received_acknowledgement(const Frame& frame) {
  mqtt::Acknowledgement packet;
  Malformed error;
  const bool fine = mqtt::decode(frame, version_, packet, error);
  CHECK(fine, error.why);
  const uint16_t id = packet.packet_id.value();
  if (packet.type == PacketType::pubrel) {
    CHECK(recs_.contains(id) || client().exactly_once.contains(id), "a PUBREL out of nothing");
    // Of an earlier connection: its PUBLISH does not come again, its id is in use.
    if (client().exactly_once.contains(id) && !outstanding_.contains(id) && !recs_.contains(id)) {
      outstanding_.emplace(id, Outstanding{.state = State::released});
    }
    return;
  }
  // Of each kind in the order of what they answer [MQTT-4.6.0-2] [MQTT-4.6.0-3].
  const auto next = std::ranges::find(owed_, packet.type, &std::pair<PacketType, uint16_t>::first);
  CHECK(next != owed_.end() && next->second == id, "an acknowledgement out of turn");
  owed_.erase(next);
}

void Peer::received_answer(const Frame& frame) {
  mqtt::SubscribeAcknowledgement packet;
  Malformed error;
  const bool fine = mqtt::decode(frame, version_, packet, error);
  CHECK(fine, error.why);
  // MQTT 3 says nothing in UNSUBACK.
  const bool counts = packet.type == PacketType::suback || version_ == Version::v5;
  const auto fits = [&](const Asked& asked) {
    if (asked.answer != packet.type || asked.id != packet.packet_id.value()) return false;
    if (counts && asked.qos.size() != packet.reasons.size()) return false;
    for (size_t i = 0; packet.type == PacketType::suback && i < asked.qos.size(); ++i) {
      if (packet.reasons[i] < 0x80 && packet.reasons[i] > mqtt::value(asked.qos[i])) return false;
    }
    return true;
  };
  const auto found = std::ranges::find_if(asked_, fits);
  CHECK(found != asked_.end(), "an answer to nothing that was asked");
  asked_.erase(found);
}

void Peer::check_answered() const {
  if (!let_in_ || ended_ || hopeless_) return;
  CHECK(from_broker_.empty(), "half a packet");
  CHECK(owed_.empty(), "a PUBLISH or PUBREL without an answer");
  CHECK(asked_.empty(), "a SUBSCRIBE or UNSUBSCRIBE without an answer");
  CHECK(pings_ == 0, "a PINGREQ without an answer");
}

}  // namespace tombo::fuzz
