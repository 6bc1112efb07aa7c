#include <algorithm>

#include <fmt/core.h>

#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "mqtt/topic.h"
#include "sim/client.h"

namespace tombo::sim {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::Qos;
using mqtt::Reason;
using mqtt::Version;

// What a client does with what it is sent.

bool Client::poll(size_t count) {
  settle_wills(false);
  if (!is_open()) return false;
  const std::vector<uint8_t> bytes = network_->receive(*socket_, count);
  in_.insert(in_.end(), bytes.begin(), bytes.end());
  size_t at = 0;
  const Socket* reading = socket_;
  while (socket_ == reading && !oracle_.failed()) {
    const mqtt::Cut cut = mqtt::cut_frame(Bytes(in_).subspan(at), 0);
    if (cut.status == mqtt::CutStatus::incomplete) break;
    if (cut.status != mqtt::CutStatus::complete) {
      fail("cannot read what the broker sends");
      break;
    }
    at += cut.frame.size();
    on_frame(cut.frame);
  }
  if (socket_ != reading) return true;
  in_.erase(in_.begin(), in_.begin() + static_cast<ptrdiff_t>(at));
  if (bytes.empty() && socket_->ended) {
    // The broker closed it, for a reason of its own: when is not known.
    if (!is_durable_) present_.reset();
    end_connection(PendingWill::Fate::unknown);
    return true;
  }
  return !bytes.empty();
}

void Client::on_frame(const mqtt::Frame& frame) {
  if (!accepted_ && frame.type() != PacketType::connack) {
    return fail("something comes before CONNACK");
  }
  mqtt::Malformed error;
  switch (frame.type()) {
    case PacketType::connack:
      return on_connack(frame);
    case PacketType::publish:
      return on_publish(frame);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return on_acknowledgement(frame);
    case PacketType::suback:
    case PacketType::unsuback:
      return on_suback(frame);
    case PacketType::pingresp:
      if (pings_.empty() || !mqtt::decode_ping(frame, error)) return fail("PINGRESP unasked");
      for (size_t i = 0; i < pings_.front(); ++i) oracle_.done(unsettled_[i]);
      pings_.erase(pings_.begin());
      return;
    case PacketType::disconnect:
      return on_disconnect(frame);
    default:
      return fail("a packet that no broker sends");
  }
}

void Client::on_connack(const mqtt::Frame& frame) {
  mqtt::Connack packet;
  mqtt::Malformed error;
  if (accepted_) return fail("a second CONNACK");
  if (!mqtt::decode(frame, plan_.version, packet, error)) return fail("CONNACK cannot be read");
  if (packet.reason != Reason::success) {
    return fail(fmt::format("is refused with 0x{:02x}", static_cast<unsigned>(packet.reason)));
  }
  if (plan_.version != Version::v3_1 && present_ && *present_ != packet.session_present) {
    return fail(packet.session_present ? "finds a session that must not be there"
                                       : "has lost its session");
  }
  // MQTT 3.1 does not say; the client of this world has to know by itself.
  const bool present = plan_.version == Version::v3_1 ? present_.value_or(packet.session_present)
                                                      : packet.session_present;
  accepted_ = true;
  cancelled_.clear();
  has_ended_ = false;
  is_durable_ = plan_.expiry >= kExpiryLong;
  present_ = is_durable_ ? std::optional<bool>(true) : std::nullopt;
  send_quota_ = packet.properties.number(PropertyId::receive_maximum).value_or(65'535);
  alias_maximum_ = packet.properties.number(PropertyId::topic_alias_maximum).value_or(0);
  if (!present) {
    if (!(plan_.pipelines && plan_.clean)) {
      if (generation_) oracle_.end_generation(*generation_);
      generation_ = oracle_.begin_generation(index_);
      outgoing_.clear();
    }
    received_.clear();
  } else if (!generation_) {
    // Of a CONNECT whose answer it never saw.
    generation_ = oracle_.begin_doubtful_generation(index_, {});
  } else if (oracle_.generation(*generation_).ended != kNever) {
    maybe_.push_back(*generation_);
    generation_ = oracle_.begin_doubtful_generation(index_, maybe_);
    received_.clear();
    for (const Outgoing& each : outgoing_) {
      ++oracle_.publication(each.number).doubtful_transmissions;
    }
  }
  maybe_.clear();
  oracle_.generation(*generation_).is_durable = is_durable_;
  if (present) {
    for (Outgoing& each : outgoing_) each.under_way = false;
    resend();
  }
}

size_t Client::under_way() const {
  return static_cast<size_t>(std::ranges::count(outgoing_, true, &Outgoing::under_way));
}

/// In order, as far as the broker's receive maximum allows.
void Client::resend() {
  size_t count = under_way();
  for (Outgoing& each : outgoing_) {
    if (each.under_way) continue;
    if (count == send_quota_) return;
    ++count;
    each.under_way = true;
    if (each.released) {
      send_acknowledgement(PacketType::pubrel, each.packet_id);
    } else {
      ++oracle_.publication(each.number).transmissions;
      send_publish(each, true);
    }
  }
}

bool Client::take_alias(const mqtt::Publish& packet, std::string& topic) {
  topic = packet.topic;
  const auto alias = packet.properties.number(PropertyId::topic_alias);
  if (!alias) return !topic.empty();
  if (*alias > kAliasMaximum) return false;
  if (!topic.empty()) {
    aliases_[*alias] = topic;
    return true;
  }
  const auto known = aliases_.find(*alias);
  if (known == aliases_.end()) return false;
  topic = known->second;
  return true;
}

void Client::check_window(const mqtt::Publish& packet) {
  if (packet.qos == Qos::at_most_once) return;
  const uint16_t id = packet.packet_id.value();
  const bool is_known = unanswered_.contains(id);
  if (is_known) fail(fmt::format("packet identifier {} is used twice", id));
  unanswered_[id] = packet.qos;
  const size_t window = plan_.version == Version::v5 ? receive_maximum_ : window_;
  if (window != 0 && unanswered_.size() > window) {
    fail(fmt::format("{} messages under way with a window of {}", unanswered_.size(), window));
  }
}

void Client::on_publish(const mqtt::Frame& frame) {
  mqtt::Publish packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, plan_.version, packet, error)) return fail("PUBLISH cannot be read");
  std::string topic;
  if (!take_alias(packet, topic)) return fail("PUBLISH with an alias that means nothing");
  check_window(packet);
  const uint16_t id = packet.packet_id.value();
  const bool is_new = packet.qos != Qos::exactly_once || received_.insert(id).second;
  if (is_new) {
    if (packet.retain && !packet.payload.empty()) {
      retained_[topic] = std::string(as_text(packet.payload));
    }
    oracle_.arrived(*generation_, Arrival{.topic = topic,
                                          .payload = as_text(packet.payload),
                                          .qos = packet.qos,
                                          .retain = packet.retain,
                                          .dup = packet.dup});
  }
  if (packet.qos == Qos::at_least_once) acknowledge(PacketType::puback, id);
  if (packet.qos == Qos::exactly_once) acknowledge(PacketType::pubrec, id);
}

void Client::on_acknowledgement(const mqtt::Frame& frame) {
  mqtt::Acknowledgement packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, plan_.version, packet, error)) {
    return fail("an acknowledgement cannot be read");
  }
  const uint16_t id = packet.packet_id.value();
  if (frame.type() == PacketType::pubrel) {
    received_.erase(id);
    if (!unanswered_.contains(id)) unanswered_[id] = Qos::exactly_once;
    return acknowledge(PacketType::pubcomp, id);
  }
  const auto found = std::ranges::find(outgoing_, id, &Outgoing::packet_id);
  const bool is_error = mqtt::is_error(packet.reason);
  const bool fits =
      found != outgoing_.end() &&
      (frame.type() == PacketType::puback   ? found->qos == Qos::at_least_once
       : frame.type() == PacketType::pubrec ? found->qos == Qos::exactly_once && !found->released
                                            : found->released);
  if (!fits) {
    return fail(
        fmt::format("{} for packet identifier {}, which is not under way", name(frame.type()), id));
  }
  if (frame.type() == PacketType::pubcomp) {
    outgoing_.erase(found);
    return resend();
  }
  // Acknowledgements come in the order of the PUBLISHes [MQTT-4.6.0-2] [MQTT-4.6.0-3].
  const auto first = std::ranges::find_if(outgoing_, [&](const Outgoing& each) {
    return each.qos == found->qos && !each.released && each.under_way;
  });
  if (first != found) fail(fmt::format("{} out of order", name(frame.type())));
  oracle_.answered(found->number, !is_error);
  if (frame.type() == PacketType::puback || is_error) {
    outgoing_.erase(found);
    return resend();
  }
  found->released = true;
  send_acknowledgement(PacketType::pubrel, id);
}

void Client::on_suback(const mqtt::Frame& frame) {
  mqtt::SubscribeAcknowledgement packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, plan_.version, packet, error)) return fail("SUBACK cannot be read");
  const auto found = subscribing_.find(packet.packet_id.value());
  if (found == subscribing_.end()) return fail("SUBACK or UNSUBACK unasked");
  const Subscribing waiting = std::move(found->second);
  subscribing_.erase(found);
  if (frame.type() == PacketType::suback) {
    if (packet.reasons.size() != waiting.interests.size()) return fail("SUBACK of another length");
    for (size_t i = 0; i < waiting.interests.size(); ++i) {
      oracle_.subscribed(*generation_, waiting.interests[i], packet.reasons[i] < 0x80);
    }
    return;
  }
  oracle_.unsubscribed(*generation_, waiting.unsubscribing, waiting.before);
}

void Client::on_disconnect(const mqtt::Frame& frame) {
  mqtt::Disconnect packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, plan_.version, false, packet, error)) {
    return fail("DISCONNECT cannot be read");
  }
  if (packet.reason == Reason::session_taken_over || packet.reason == Reason::keep_alive_timeout) {
    return;
  }
  fail(fmt::format("is disconnected with 0x{:02x}", static_cast<unsigned>(packet.reason)));
}

}  // namespace tombo::sim
