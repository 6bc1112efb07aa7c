#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "client/coding.h"
#include "client/machine_state.h"
#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "mqtt/reason.h"

// What the broker sends.
namespace tombo::client {

using mqtt::PacketType;

namespace {

/// Topic aliases that CONNECT has offered.
uint32_t aliases_offered(const Options& options) {
  if (options.version != Version::v5) return 0;
  return options.properties.number(PropertyId::topic_alias_maximum).value_or(0);
}

std::string_view refusal_v3(uint8_t code) {
  switch (code) {
    case 1:
      return "unacceptable protocol version";
    case 2:
      return "identifier rejected";
    case 3:
      return "broker unavailable";
    case 4:
      return "bad user name or password";
    default:
      return "not authorised";
  }
}

}  // namespace

void Machine::State::receive(std::span<const uint8_t> bytes, Time now) {
  now_ = now;
  // What stands in `rest_` is not looked at again for each piece of a large packet.
  if (!rest_.empty()) {
    rest_.insert(rest_.end(), bytes.begin(), bytes.end());
    bytes = rest_;
  }
  size_t used = 0;
  while (stage_ == Stage::waiting || stage_ == Stage::connected) {
    const mqtt::Cut cut = mqtt::cut_frame(bytes.subspan(used), 0);
    if (cut.status == mqtt::CutStatus::incomplete) break;
    if (cut.status != mqtt::CutStatus::complete) {
      fail({.kind = ErrorKind::malformed, .text = "the broker sends what is no packet"});
      break;
    }
    used += cut.frame.size();
    if (!handle(cut.frame)) break;
  }
  if (rest_.empty()) {
    rest_.assign(bytes.begin() + static_cast<ptrdiff_t>(used), bytes.end());
  } else {
    rest_.erase(rest_.begin(), rest_.begin() + static_cast<ptrdiff_t>(used));
  }
}

bool Machine::State::handle(const mqtt::Frame& frame) {
  const PacketType type = frame.type();
  if (stage_ == Stage::waiting && type != PacketType::connack && type != PacketType::auth &&
      type != PacketType::disconnect) {
    return fail({.kind = ErrorKind::malformed, .text = "the broker does not begin with CONNACK"});
  }
  switch (type) {
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
      pinged_.reset();
      trace({.name = "PINGRESP"});
      return true;
    case PacketType::disconnect:
      return on_disconnect(frame);
    case PacketType::auth:
      return on_auth(frame);
    default:
      return fail({.kind = ErrorKind::malformed,
                   .text = fmt::format("the broker sends {}", mqtt::name(type))});
  }
}

bool Machine::State::malformed(const mqtt::Malformed& error) {
  if (options_.version == Version::v5 && stage_ == Stage::connected) {
    mqtt::encode(mqtt::Disconnect{.reason = error.reason}, version(), out_);
  }
  return fail({.kind = ErrorKind::malformed,
               .reason = mqtt::value(error.reason),
               .text = fmt::format("the broker sends a packet that is not right: {}", error.why)});
}

bool Machine::State::on_connack(const mqtt::Frame& frame) {
  mqtt::Connack packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, version(), packet, error)) return malformed(error);
  if (stage_ != Stage::waiting) {
    return fail({.kind = ErrorKind::malformed, .text = "the broker sends a second CONNACK"});
  }
  const bool is_v5 = options_.version == Version::v5;
  // As it stands in the packet.
  const uint8_t code = frame.body.size() > 1 ? frame.body[1] : uint8_t{0};
  trace({.name = "CONNACK", .reason = code, .session_present = packet.session_present});
  if (packet.reason != mqtt::Reason::success) {
    return fail({.kind = ErrorKind::refused,
                 .reason = code,
                 .text = std::string(is_v5 ? reason_name(code) : refusal_v3(code)),
                 .properties = decode_properties(packet.properties)});
  }
  accept(packet);
  return stage_ == Stage::connected;
}

void Machine::State::take_limits(const Properties& properties) {
  const auto number = [&properties](PropertyId id) { return properties.number(id); };
  window_ = std::min<size_t>(options_.max_inflight == 0 ? UINT16_MAX : options_.max_inflight,
                             number(PropertyId::receive_maximum).value_or(UINT16_MAX));
  packet_size_max_ = number(PropertyId::maximum_packet_size).value_or(0);
  qos_max_ = static_cast<uint8_t>(number(PropertyId::maximum_qos).value_or(2));
  aliases_.reset(options_.topic_aliases ? number(PropertyId::topic_alias_maximum).value_or(0) : 0);
  retains_ = number(PropertyId::retain_available).value_or(1) != 0;
  keep_alive_s_ =
      static_cast<uint16_t>(number(PropertyId::server_keep_alive).value_or(options_.keep_alive_s));
}

void Machine::State::accept(const mqtt::Connack& packet) {
  connect_by_.reset();
  Connected connected{.session_present = packet.session_present,
                      .client_id = options_.client_id,
                      .properties = decode_properties(packet.properties)};
  take_limits(connected.properties);
  connected.keep_alive_s = keep_alive_s_;
  const std::string* assigned = connected.properties.text(PropertyId::assigned_client_identifier);
  if (assigned != nullptr) {
    // The session goes on under this name.
    connected.client_id = options_.client_id = *assigned;
  }
  stage_ = Stage::connected;
  if (!packet.session_present) received_.clear();
  if (!is_rewound_) rewind(packet.session_present);
  handler_.on_connected(connected);
  if (!is_connected()) return;
  if (!packet.session_present && options_.resubscribe) subscribe_again();
  send_waiting();
}

/// What is not done with is sent again on this connection.
void Machine::State::rewind(bool resumed) {
  is_rewound_ = true;
  for (const Request request : outgoing_.rewind(resumed, ids_)) {
    handler_.on_published({.request = request});
  }
}

/// What was subscribed to in a session that the broker does not have any more; unless the handler
/// has subscribed just now, as those do that know nothing of this.
void Machine::State::subscribe_again() {
  if (!asked_.empty()) return;
  for (const auto& [subscription, properties] : subscribed_) {
    const std::optional<uint16_t> id = ids_.take();
    if (!id) return;
    send_subscribe(std::span(&subscription, 1), properties, {.subscribes = true, .is_own = true},
                   *id);
  }
}

/// The topic that an alias of the broker's stands for.
bool Machine::State::take_topic(mqtt::Publish& packet) {
  const auto alias = packet.properties.number(mqtt::PropertyId::topic_alias);
  if (!alias) return true;
  if (*alias > aliases_offered(options_)) {
    return malformed({.reason = mqtt::Reason::topic_alias_invalid, .why = "topic alias"});
  }
  std::string& known = topics_[static_cast<uint16_t>(*alias)];
  if (!packet.topic.empty()) known = packet.topic;
  if (known.empty()) {
    return malformed({.reason = mqtt::Reason::protocol_error, .why = "unknown topic alias"});
  }
  packet.topic = known;
  return true;
}

bool Machine::State::on_publish(const mqtt::Frame& frame) {
  mqtt::Publish packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, version(), packet, error)) return malformed(error);
  if (!take_topic(packet)) return false;
  const uint16_t id = packet.packet_id.value();
  trace({.name = "PUBLISH",
         .packet_id = id,
         .qos = static_cast<Qos>(packet.qos),
         .dup = packet.dup,
         .retain = packet.retain,
         .topic = packet.topic,
         .payload_size = packet.payload.size()});
  const bool is_known = packet.qos == mqtt::Qos::exactly_once && !received_.insert(id).second;
  if (!is_known) {
    handler_.on_message({.topic = packet.topic,
                         .payload = as_text(packet.payload),
                         .qos = static_cast<Qos>(packet.qos),
                         .retain = packet.retain,
                         .dup = packet.dup,
                         .packet_id = id,
                         .properties = decode_properties(packet.properties)});
  }
  if (!is_connected()) return false;
  const bool answers = packet.qos != mqtt::Qos::at_most_once;
  if (answers && (is_known || !options_.manual_acknowledge)) {
    send_acknowledgement(
        packet.qos == mqtt::Qos::at_least_once ? PacketType::puback : PacketType::pubrec, id);
  }
  return true;
}

bool Machine::State::on_acknowledgement(const mqtt::Frame& frame) {
  mqtt::Acknowledgement packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, version(), packet, error)) return malformed(error);
  const uint16_t id = packet.packet_id.value();
  const uint8_t reason = mqtt::value(packet.reason);
  trace({.name = mqtt::name(packet.type), .packet_id = id, .reason = reason});
  if (packet.type == PacketType::pubrel) {
    received_.erase(id);
    send_acknowledgement(PacketType::pubcomp, id);
    return true;
  }
  Outgoing::Entry* entry = outgoing_.find(id);
  if (entry == nullptr) {
    // Somebody's PUBREC that is not known any more still has to come to its end.
    if (packet.type == PacketType::pubrec && !mqtt::is_error(packet.reason)) {
      send_acknowledgement(PacketType::pubrel, id);
    }
    return true;
  }
  if (packet.type == PacketType::pubrec && !mqtt::is_error(packet.reason)) {
    entry->packet = {};
    entry->stage = Outgoing::Stage::released;
    send_acknowledgement(PacketType::pubrel, id);
    return true;
  }
  // PUBACK for QoS 1, PUBCOMP for QoS 2, PUBREC that refuses: the end.
  const Request request = entry->request;
  ids_.give_back(id);
  outgoing_.finish(*entry);
  send_waiting();
  handler_.on_published({.request = request,
                         .packet_id = id,
                         .reason = reason,
                         .properties = decode_properties(packet.properties)});
  return true;
}

bool Machine::State::on_suback(const mqtt::Frame& frame) {
  mqtt::SubscribeAcknowledgement packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, version(), packet, error)) return malformed(error);
  const uint16_t id = packet.packet_id.value();
  trace({.name = mqtt::name(packet.type), .packet_id = id});
  const auto found = asked_.find(id);
  if (found == asked_.end()) return true;
  const Asked asked = found->second;
  asked_.erase(found);
  ids_.give_back(id);
  if (asked.is_own) return true;
  if (asked.subscribes) {
    handler_.on_subscribed(asked.request, packet.reasons, decode_properties(packet.properties));
  } else {
    handler_.on_unsubscribed(asked.request, packet.reasons, decode_properties(packet.properties));
  }
  return stage_ == Stage::connected;
}

bool Machine::State::on_disconnect(const mqtt::Frame& frame) {
  mqtt::Disconnect packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, version(), false, packet, error)) return malformed(error);
  const uint8_t reason = mqtt::value(packet.reason);
  trace({.name = "DISCONNECT", .reason = reason});
  const auto text = packet.properties.text(mqtt::PropertyId::reason_string);
  return fail({.kind = ErrorKind::refused,
               .reason = reason,
               .text = std::string(text ? *text : reason_name(reason)),
               .properties = decode_properties(packet.properties)});
}

bool Machine::State::on_auth(const mqtt::Frame& frame) {
  mqtt::Auth packet;
  mqtt::Malformed error;
  if (options_.version != Version::v5) {
    return fail({.kind = ErrorKind::malformed, .text = "the broker sends AUTH, and not in MQTT 5"});
  }
  if (!mqtt::decode(frame, version(), packet, error)) return malformed(error);
  trace({.name = "AUTH", .reason = mqtt::value(packet.reason)});
  handler_.on_auth(mqtt::value(packet.reason), decode_properties(packet.properties));
  return stage_ == Stage::waiting || stage_ == Stage::connected;
}

}  // namespace tombo::client
