#include "sim/client.h"

#include <algorithm>

#include <fmt/core.h>

#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "mqtt/topic.h"

namespace tombo::sim {

using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::PropertyWriter;
using mqtt::Qos;
using mqtt::Reason;
using mqtt::Version;

namespace {

constexpr Duration kWillDelay(5000);
constexpr uint32_t kExpiryNever = 0xFFFF'FFFF;
/// What a v3 client, or one before CONNACK, sends without an answer.
constexpr size_t kQuotaOfItsOwn = 15;
/// Marks an alias that the broker does not know yet.
constexpr uint32_t kNotSent = 0x8000'0000;

}  // namespace

void Client::fail(std::string_view what) {
  oracle_.fail(fmt::format("client {}: {}", index_, what));
}

void Client::send(const std::vector<uint8_t>& bytes) {
  if (socket_ != nullptr) network_->send(*socket_, bytes);
}

void Client::connect(const ConnectPlan& plan, Random& random) {
  if (is_open()) {
    // The other end does not learn of it: half open, until the new CONNECT takes it over.
    socket_->to_client.clear();
    present_.reset();
    end_connection(PendingWill::Fate::unknown);
  }
  for (PendingWill& will : wills_) will.fate = PendingWill::Fate::unknown;
  ends_soon_ = false;
  if (last_without_session_ != nullptr && last_without_session_->ended) present_ = false;
  last_without_session_ = nullptr;
  plan_ = plan;
  // Without the flag in CONNACK nobody could tell.
  if (plan.version == Version::v3_1 && !present_) plan_.clean = true;
  if (plan.version != Version::v5) plan_.expiry = plan_.clean ? 0 : kExpiryNever;
  connect_step_ = oracle_.tick();
  if (plan_.clean) {
    outgoing_.clear();
    received_.clear();
    present_ = false;
    if (generation_) oracle_.end_generation(*generation_);
  }
  if (generation_ && plan_.expiry < kExpiryLong) {
    oracle_.generation(*generation_).is_durable = false;
  }
  socket_ = &network_->open(index_, static_cast<unsigned>(random.below(64)), plan.room);
  send_connect(random);
  if (plan_.pipelines && plan_.clean) {
    // The session is new, if this CONNECT arrives.
    if (generation_) maybe_.push_back(*generation_);
    generation_ = oracle_.begin_generation(index_);
  }
}

void Client::send_connect(Random& random) {
  mqtt::Connect packet;
  packet.version = plan_.version;
  packet.clean_start = plan_.clean;
  packet.keep_alive_s = plan_.keep_alive;
  const std::string id = fmt::format("c{}", index_);
  packet.client_id = id;
  receive_maximum_ = 0;
  std::vector<uint8_t> properties;
  PropertyWriter writer(properties);
  if (plan_.version == Version::v5) {
    if (plan_.expiry != 0) writer.number(PropertyId::session_expiry_interval, plan_.expiry);
    receive_maximum_ = random.one_in(2) ? static_cast<uint32_t>(1 + random.below(10)) : 65'535;
    if (receive_maximum_ != 65'535) writer.number(PropertyId::receive_maximum, receive_maximum_);
    if (random.one_in(2)) writer.number(PropertyId::topic_alias_maximum, kAliasMaximum);
  }
  packet.properties = mqtt::Properties(properties);
  std::vector<uint8_t> will_properties;
  std::string will_payload;
  if (plan_.with_will) {
    const Publication& will = leave_will(random);
    will_payload = Oracle::payload(will.number);
    if (will_delay_ != 0) {
      PropertyWriter(will_properties).number(PropertyId::will_delay_interval, will_delay_);
    }
    packet.will = mqtt::Will{.qos = will.qos,
                             .retain = will.retain,
                             .properties = mqtt::Properties(will_properties),
                             .topic = will.topic,
                             .payload = as_bytes(will_payload)};
  }
  std::vector<uint8_t> bytes;
  mqtt::encode(packet, bytes);
  send(bytes);
}

const Publication& Client::leave_will(Random& random) {
  Publication will;
  will.publisher = index_;
  will.topic = random.one_in(2) ? "w/will" : fmt::format("w/{}", index_);
  will.qos = static_cast<Qos>(random.below(3));
  will.retain = random.one_in(4);
  will.is_will = true;
  constexpr auto kSeconds = std::chrono::duration_cast<std::chrono::seconds>(kWillDelay).count();
  will_delay_ = plan_.version == Version::v5 && random.one_in(2) ? kSeconds : 0;
  will_ = oracle_.publish(std::move(will));
  return oracle_.publication(*will_);
}

void Client::end_connection(PendingWill::Fate fate) {
  if (will_) {
    // Whether and when it was published is not known if the broker ended the connection before.
    if (!accepted_ || socket_->ended) fate = PendingWill::Fate::unknown;
    wills_.push_back({.socket = socket_,
                      .number = *will_,
                      .since = oracle_.step(),
                      .fate = fate,
                      .is_kept = accepted_ && plan_.expiry != 0,
                      .at = network_->now().time});
  }
  will_.reset();
  // A CONNECT without an answer may have had its effect or not.
  const bool may_have_ended = accepted_ ? !is_durable_ : plan_.clean || plan_.expiry < kExpiryLong;
  if (generation_ && may_have_ended) oracle_.end_generation(*generation_);
  if (!accepted_) {
    present_.reset();
    is_durable_ = true;
  }
  unanswered_connect_ = accepted_ ? nullptr : socket_;
  if (accepted_ && plan_.expiry == 0) last_without_session_ = socket_;
  ends_soon_ = accepted_ && plan_.expiry == kExpiryShort;
  socket_ = nullptr;
  accepted_ = false;
  in_.clear();
  subscribing_.clear();
  unanswered_.clear();
  held_.clear();
  aliases_.clear();
  own_aliases_.clear();
  unsettled_.clear();
  pings_.clear();
  oracle_.tick();
}

Client::PendingWill::Fate Client::fate_when_lost() const {
  return will_delay_ == 0 || plan_.expiry == 0 ? PendingWill::Fate::due
                                               : PendingWill::Fate::delayed;
}

void Client::disconnect(bool with_will, std::optional<uint32_t> expiry) {
  if (!accepted_) return drop(false);
  mqtt::Disconnect packet;
  std::vector<uint8_t> properties;
  bool sure = true;
  if (plan_.version == Version::v5) {
    if (with_will) packet.reason = Reason::disconnect_with_will;
    if (expiry && plan_.expiry != 0) {
      PropertyWriter(properties).number(PropertyId::session_expiry_interval, *expiry);
      // Whether the broker still reads this is not known if it ends the connection by itself.
      sure = *expiry == plan_.expiry;
      if (*expiry < kExpiryLong) is_durable_ = false;
    }
    packet.properties = mqtt::Properties(properties);
  } else {
    with_will = false;
  }
  std::vector<uint8_t> bytes;
  mqtt::encode(packet, plan_.version, bytes);
  send(bytes);
  network_->hang_up(*socket_, false);
  if (!sure || !is_durable_) present_.reset();
  end_connection(with_will ? PendingWill::Fate::unknown : PendingWill::Fate::cancelled);
}

void Client::drop(bool reset) {
  if (!is_open()) return;
  network_->hang_up(*socket_, reset);
  if (!is_durable_) present_.reset();
  end_connection(fate_when_lost());
}

void Client::broker_died(bool at_rest) {
  if (last_without_session_ != nullptr || (accepted_ && plan_.expiry == 0)) present_ = false;
  ends_soon_ = ends_soon_ && at_rest;
  if (has_ended_) present_.reset();
  if (is_open()) {
    end_connection(fate_when_lost());
    ends_soon_ = false;
  }
  last_without_session_ = nullptr;
  unanswered_connect_ = nullptr;
  std::erase_if(wills_, [&](PendingWill& will) {
    const bool lives = outlives_broker(will, at_rest);
    will.socket = nullptr;
    return !lives;
  });
  if (at_rest) return;
  for (const uint32_t number : std::exchange(cancelled_, {})) oracle_.will_is_doubtful(number);
}

bool Client::outlives_broker(const PendingWill& will, bool at_rest) {
  // The start before this one may have published it.
  if (will.socket == nullptr && !at_rest) return false;
  const bool is_seen = will.socket == nullptr || will.socket->ended;
  switch (will.fate) {
    case PendingWill::Fate::due:
      if (is_seen && at_rest) oracle_.will_is_due(will.number, will.since);
      return !is_seen && will.is_kept;
    case PendingWill::Fate::delayed:
      // Of one that may have been published nobody can say whether that was safe.
      return at_rest || network_->now().time < will.at + kWillDelay;
    case PendingWill::Fate::cancelled:
    case PendingWill::Fate::unknown:
      return false;
  }
  return false;
}

void Client::broker_started(Duration later) {
  if (ends_soon_ && later > std::chrono::seconds(kExpiryShort)) {
    present_ = false;
    has_ended_ = true;
  }
  ends_soon_ = false;
}

void Client::settle_wills(bool delay_is_over) {
  std::erase_if(wills_, [this, delay_is_over](const PendingWill& will) {
    if (will.socket != nullptr && !will.socket->ended) return false;
    if (will.fate == PendingWill::Fate::delayed && !delay_is_over) return false;
    switch (will.fate) {
      case PendingWill::Fate::cancelled:
        if (will.socket != nullptr && will.socket->to_broker.empty()) {
          oracle_.will_is_cancelled(will.number);
          cancelled_.push_back(will.number);
        }
        break;
      case PendingWill::Fate::due:
      case PendingWill::Fate::delayed:
        oracle_.will_is_due(will.number, will.since);
        break;
      case PendingWill::Fate::unknown:
        break;
    }
    return true;
  });
}

bool Client::is_in_use(uint16_t packet_id) const {
  return subscribing_.contains(packet_id) ||
         std::ranges::any_of(
             outgoing_, [packet_id](const Outgoing& each) { return each.packet_id == packet_id; });
}

uint16_t Client::take_packet_id() {
  do {
    last_packet_id_ = static_cast<uint16_t>(last_packet_id_ % 200 + 1);
  } while (is_in_use(last_packet_id_));
  return last_packet_id_;
}

void Client::publish(Publication publication, Random& random) {
  if (!may_send()) return;
  const size_t quota = std::min<size_t>(accepted_ ? send_quota_ : 1, kQuotaOfItsOwn);
  if (outgoing_.size() != under_way()) return;  // First what is to be sent again.
  const bool is_acknowledged = publication.qos != Qos::at_most_once;
  if (is_acknowledged && outgoing_.size() >= quota) return;
  const std::string topic = publication.topic;
  Outgoing outgoing{.qos = publication.qos, .under_way = true};
  publication.publisher = index_;
  publication.expires = publication.expires && plan_.version == Version::v5;
  outgoing.number = oracle_.publish(std::move(publication));
  if (is_acknowledged) {
    outgoing.packet_id = take_packet_id();
    outgoing_.push_back(outgoing);
  } else {
    unsettled_.push_back(outgoing.number);
  }
  if (random.one_in(3)) give_alias(topic);
  send_publish(outgoing, false);
}

/// Before CONNACK too, for some.
bool Client::may_send() const {
  return accepted_ || (is_open() && plan_.pipelines && plan_.clean);
}

/// From now on the topic has an alias, if the broker takes another.
void Client::give_alias(const std::string& topic) {
  if (!accepted_ || own_aliases_.contains(topic) || own_aliases_.size() >= alias_maximum_) return;
  const auto alias = static_cast<uint32_t>(own_aliases_.size() + 1);
  own_aliases_.emplace(topic, alias | kNotSent);
}

void Client::send_publish(const Outgoing& outgoing, bool dup) {
  const Publication& of = oracle_.publication(outgoing.number);
  mqtt::Publish packet;
  packet.dup = dup;
  packet.qos = of.qos;
  packet.retain = of.retain;
  packet.topic = of.topic;
  packet.packet_id = PacketId(outgoing.packet_id);
  const std::string payload = of.is_empty ? std::string() : Oracle::payload(of.number);
  packet.payload = as_bytes(payload);
  std::vector<uint8_t> properties;
  PropertyWriter writer(properties);
  if (of.expires) writer.number(PropertyId::message_expiry_interval, 3);
  if (const auto alias = own_aliases_.find(of.topic); alias != own_aliases_.end()) {
    const bool is_new = (alias->second & kNotSent) != 0;
    alias->second &= ~kNotSent;
    writer.number(PropertyId::topic_alias, alias->second);
    if (!is_new) packet.topic = {};
  }
  packet.properties = mqtt::Properties(properties);
  std::vector<uint8_t> bytes;
  mqtt::encode(packet, plan_.version, bytes);
  send(bytes);
}

void Client::subscribe(const std::vector<std::pair<std::string, mqtt::SubscribeOptions>>& filters,
                       bool with_id) {
  if (!generation_ || !may_send()) return;
  Subscribing waiting;
  std::vector<mqtt::Subscription> entries;
  for (const auto& [filter, options] : filters) {
    mqtt::SubscribeOptions used = options;
    if (plan_.version != Version::v5) used = {.qos = options.qos};
    if (mqtt::is_shared(filter)) used.no_local = false;
    waiting.interests.push_back(oracle_.subscribing(*generation_, filter, used));
    entries.push_back({filter, used});
  }
  const uint16_t packet_id = take_packet_id();
  subscribing_[packet_id] = std::move(waiting);
  std::vector<uint8_t> properties;
  if (with_id && plan_.version == Version::v5) {
    PropertyWriter(properties).number(PropertyId::subscription_identifier, packet_id);
  }
  std::vector<uint8_t> bytes;
  mqtt::encode_subscribe(PacketId(packet_id), mqtt::Properties(properties), entries, plan_.version,
                         bytes);
  send(bytes);
}

std::string Client::some_filter(Random& random) const {
  if (!generation_) return {};
  const std::vector<Interest>& interests = oracle_.generation(*generation_).interests;
  if (interests.empty()) return {};
  const Interest& some = interests[random.below(interests.size())];
  return some.group.empty() ? some.filter : fmt::format("$share/{}/{}", some.group, some.filter);
}

void Client::unsubscribe(const std::string& filter) {
  if (!accepted_ || !generation_ || filter.empty()) return;
  const size_t before = oracle_.unsubscribing(*generation_, filter);
  const uint16_t packet_id = take_packet_id();
  subscribing_[packet_id].unsubscribing = filter;
  subscribing_[packet_id].before = before;
  const std::string_view view = filter;
  std::vector<uint8_t> bytes;
  mqtt::encode_unsubscribe(PacketId(packet_id), {}, {&view, 1}, plan_.version, bytes);
  send(bytes);
}

void Client::ping() {
  if (!accepted_) return;
  std::vector<uint8_t> bytes;
  mqtt::encode_ping(PacketType::pingreq, bytes);
  send(bytes);
  pings_.push_back(unsettled_.size());
}

void Client::set_lazy(bool lazy) {
  lazy_ = lazy;
  if (lazy) return;
  for (const auto& [type, packet_id] : std::exchange(held_, {})) {
    send_acknowledgement(type, packet_id);
  }
}

void Client::acknowledge(PacketType type, uint16_t packet_id) {
  if (lazy_) {
    held_.emplace_back(type, packet_id);
  } else {
    send_acknowledgement(type, packet_id);
  }
}

void Client::send_acknowledgement(PacketType type, uint16_t packet_id) {
  if (type == PacketType::puback || type == PacketType::pubcomp) unanswered_.erase(packet_id);
  std::vector<uint8_t> bytes;
  mqtt::encode(mqtt::Acknowledgement{.type = type, .packet_id = PacketId(packet_id)}, plan_.version,
               bytes);
  send(bytes);
}

std::string Client::waits_for() const {
  if (!is_open()) return {};
  if (!accepted_) return "CONNACK";
  if (!outgoing_.empty()) {
    return fmt::format("the acknowledgement of message {}", outgoing_.front().number);
  }
  if (!subscribing_.empty()) return "SUBACK or UNSUBACK";
  if (!pings_.empty()) return "PINGRESP";
  if (!unanswered_.empty()) return "PUBREL";
  return {};
}

}  // namespace tombo::sim
