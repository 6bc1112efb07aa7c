#include <algorithm>

#include "broker/core.h"
#include "broker/limits.h"
#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "mqtt/topic.h"
#include "mqtt/utf8.h"

// PUBLISH from a client.
namespace tombo::broker {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::Qos;
using mqtt::Reason;
using mqtt::Version;

std::string_view why_reserved(std::string_view topic) {
  if (!topic.starts_with('$')) return {};
  // As in Mosquitto whatever the words begin, `$SYSTEM`, too.
  if (topic.starts_with("$SYS") && !mqtt::topic_matches("$SYS/broker/connection/+/state", topic)) {
    return "only the broker itself publishes below $SYS";
  }
  if (topic.starts_with("$share")) return "nothing is published below $share";
  return {};
}

void Core::on_publish(Peer peer, const mqtt::Frame& frame) {
  Connection& connection = peer.connection;
  mqtt::Publish packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, connection.version, packet, error)) {
    return malformed(peer, frame.type(), error);
  }
  ++stats_.publish_messages_received;
  stats_.publish_bytes_received += packet.payload.size();
  if (connection.version == Version::v5 && !resolve_alias(peer, packet)) return;
  if (!check_publish(peer, packet)) return;
  Session& session = sessions_.at(connection.session);
  LOG_TO(log(), LogType::debug,
         "Received PUBLISH from {} (d{}, q{}, r{}, m{}, '{}', ... ({} bytes))", session.client_id,
         packet.dup ? 1 : 0, mqtt::value(packet.qos), packet.retain ? 1 : 0,
         packet.packet_id.value(), packet.topic, packet.payload.size());
  if (packet.qos == Qos::exactly_once) {
    const auto& received = session.received;
    if (std::find(received.begin(), received.end(), packet.packet_id) != received.end()) {
      // [MQTT-4.3.3-10] Sent again: routed once already, only the answer was lost.
      if (connection.acks.size() >= AckQueue::kPlacesMax) {
        set_reading(peer, Connection::pause_acks, true);
      }
      if (!orphaned_acks_.contains(connection.session, packet.packet_id)) {
        return owe(peer, packet, Reason::success);
      }
      const uint32_t place = connection.acks.open({.packet_id = packet.packet_id,
                                                   .qos = packet.qos,
                                                   .remaining = 1,
                                                   .asked = true,
                                                   .received = true});
      return orphaned_acks_.wait(connection.session, packet.packet_id,
                                 {.connection = peer.id, .place = place, .shard = setup_.shard});
    }
  }
  if (packet.qos != Qos::at_most_once && !admit_window(peer, session)) return;

  const std::string& mount_point = listener(connection.listener).mount_point;
  std::string mounted;
  std::string_view topic = packet.topic;
  if (!mount_point.empty()) topic = mounted = mount_point + std::string(topic);
  std::string why;
  const Reason verdict = publish_verdict(session, packet, topic, why);
  if (verdict != Reason::success) return refuse_publish(peer, packet, verdict, why);
  // It is recorded where it is known which shards store the message.
  if (packet.qos == Qos::exactly_once) session.received.push_back(packet.packet_id);

  mqtt::MessageParts parts{.topic = topic,
                           .properties = packet.properties,
                           .payload = packet.payload,
                           .qos = packet.qos,
                           .retain = packet.retain,
                           .origin = session.client_hash,
                           .sequence = ++publish_sequence_,
                           .source = source_to_keep(session, packet.retain)};
  if (!packet.properties.empty()) {
    const auto expiry = packet.properties.number(PropertyId::message_expiry_interval);
    if (expiry) parts.expires_at_ms = now_.wall_ms + int64_t{*expiry} * 1000;
  }
  const auto matched = route(mqtt::Message::make(parts), &peer,
                             {.packet_id = packet.packet_id,
                              .qos = packet.qos,
                              .received = packet.qos == Qos::exactly_once});
  if (matched && packet.qos != Qos::at_most_once) {
    owe(peer, packet, *matched ? Reason::success : Reason::no_matching_subscribers);
  }
}

/// Topic Alias: sets one, or puts the topic it stands for into the packet (section 3.3.2.3.4).
bool Core::resolve_alias(Peer peer, mqtt::Publish& packet) {
  if (packet.properties.empty()) return true;
  if (packet.properties.number(PropertyId::subscription_identifier)) {
    // [MQTT-3.3.4-6]
    malformed(peer, PacketType::publish,
              {Reason::protocol_error, 0, "subscription identifier from a client"});
    return false;
  }
  const auto alias = packet.properties.number(PropertyId::topic_alias);
  if (!alias) return true;
  if (*alias == 0 || *alias > peer.connection.alias_maximum_in) {
    malformed(peer, PacketType::publish,
              {Reason::topic_alias_invalid, 0, "topic alias over the maximum"});
    return false;
  }
  auto& aliases = peer.connection.aliases;
  if (aliases == nullptr) aliases = std::make_unique<TopicAliases>();
  if (aliases->from_client.size() < *alias) aliases->from_client.resize(*alias);
  std::string& topic = aliases->from_client[*alias - 1];
  if (!packet.topic.empty()) {
    topic = packet.topic;
    return true;
  }
  if (topic.empty()) {
    malformed(peer, PacketType::publish,
              {Reason::protocol_error, 0, "topic alias that was not set"});
    return false;
  }
  packet.topic = topic;
  return true;
}

/// What ends the connection: things the client was told not to do.
bool Core::check_publish(Peer peer, const mqtt::Publish& packet) {
  if (mqtt::value(packet.qos) > peer.connection.max_qos_in) {
    malformed(peer, PacketType::publish, {Reason::qos_not_supported, 0, "QoS over max_qos"});
    return false;
  }
  if (packet.retain && !peer.connection.retain_in) {
    malformed(peer, PacketType::publish,
              {Reason::retain_not_supported, 0, "retain is not available"});
    return false;
  }
  return check_publish_limits(peer, packet);
}

/// What is answered with a reason while the connection lives on. `why` becomes the reason in words
/// for the client.
Reason Core::publish_verdict(Session& session, const mqtt::Publish& packet, std::string_view topic,
                             std::string& why) {
  const auto refuse = [&](Reason reason, std::string_view cause) {
    refused(session, Refused::publish, topic, cause);
    why = cause;
    return reason;
  };
  if (const auto reserved = why_reserved(topic); !reserved.empty()) {
    return refuse(Reason::not_authorized, reserved);
  }
  if (topic.size() > mqtt::kStringBytesMax) {
    return refuse(Reason::topic_name_invalid, "topic too long below the mount point");
  }
  if (!may(session, Refused::publish, topic, &why)) return Reason::not_authorized;
  const uint32_t limit = config().message_size_limit;
  // [MQTT-3.4.2-1] Mosquitto says "packet too large", which PUBACK and PUBREC cannot.
  if (limit != 0 && packet.payload.size() > limit) {
    return refuse(Reason::quota_exceeded, "payload over message_size_limit");
  }
  if (std::string over = check_user_properties(packet.properties); !over.empty()) {
    log_limit({session.connection, connections_.at(session.connection)}, LimitHit::user_properties,
              "PUBLISH refused", over);
    why = std::move(over);
    return Reason::quota_exceeded;
  }
  if (!packet.properties.empty() &&
      packet.properties.number(PropertyId::payload_format_indicator) == 1U &&
      !mqtt::well_formed_utf8(as_text(packet.payload))) {
    return refuse(Reason::payload_format_invalid, "payload is not UTF-8");
  }
  if (const auto full = no_room_for(packet); !full.empty()) {
    return refuse(Reason::quota_exceeded, full);
  }
  const uint64_t memory = config().memory_limit / setup_.shards;
  // An empty payload may pass the limit: it is how clients clear retained messages.
  if (memory != 0 && !packet.payload.empty() &&
      held_bytes_ + retained_.bytes() + packet.payload.size() > memory) {
    return refuse(Reason::quota_exceeded, "memory_limit reached");
  }
  return Reason::success;
}

/// A refused message is answered as if it had been taken, with the reason where v5 allows one; QoS
/// 0 has no answer.
void Core::refuse_publish(Peer peer, const mqtt::Publish& packet, Reason reason,
                          std::string_view why) {
  ++stats_.publish_messages_dropped;
  LOG_TO(log(), LogType::debug, "Denied PUBLISH from {} (d{}, q{}, r{}, m{}, '{}', ... ({} bytes))",
         name_of(peer.connection), packet.dup ? 1 : 0, mqtt::value(packet.qos),
         packet.retain ? 1 : 0, packet.packet_id.value(), packet.topic, packet.payload.size());
  if (packet.qos == Qos::at_most_once) return;
  if (packet.qos == Qos::exactly_once && peer.connection.version != Version::v5) {
    // v3 cannot say no: the handshake is completed.
    remember_received(sessions_.at(peer.connection.session), packet.packet_id);
  }
  owe(peer, packet, reason, why);
}

/// [MQTT-3.3.4-9] Is there a place left in the client's window? v5 clients know the receive maximum
/// and go when they pass it; v3 clients do not know it and are read more slowly instead. The window
/// is the connection's: what earlier ones left unreleased takes no place (section 4.9).
bool Core::admit_window(Peer peer, const Session& session) {
  Connection& connection = peer.connection;
  if (connection.version == Version::v5) {
    const size_t received = session.received.size() - connection.received_before;
    if (connection.acks.counted() + received < connection.receive_maximum_in) return true;
    malformed(peer, PacketType::publish,
              {Reason::receive_maximum_exceeded, 0, "more unacknowledged than receive maximum"});
    return false;
  }
  if (connection.acks.size() >= AckQueue::kPlacesMax) {
    set_reading(peer, Connection::pause_acks, true);
  }
  return true;
}

void Core::remember_received(Session& session, mqtt::PacketId id) {
  session.received.push_back(id);
  record_received(session, id);
}

void Core::record_received(Session& session, mqtt::PacketId id) {
  if (keeps() && !session.clean) {
    record_promise(StoreOp::Kind::received_add, session).packet_id = id.value();
  }
}

/// Acknowledges a PUBLISH now, or when its elders have been [MQTT-4.6.0-2] [MQTT-4.6.0-3].
void Core::owe(Peer peer, const mqtt::Publish& packet, Reason reason, std::string_view why) {
  AckQueue& acks = peer.connection.acks;
  if (acks.empty()) {
    return send_ack(
        peer,
        {.type = packet.qos == Qos::at_least_once ? PacketType::puback : PacketType::pubrec,
         .packet_id = packet.packet_id,
         .reason = reason},
        why);
  }
  // Of QoS 2 messages only those that v5 clients are refused are not remembered.
  const bool received = packet.qos == Qos::exactly_once &&
                        (peer.connection.version != Version::v5 || !mqtt::is_error(reason));
  AckQueue::Place place{
      .packet_id = packet.packet_id, .qos = packet.qos, .received = received, .reason = reason};
  if (!why.empty() && explains(peer.connection)) {
    place.why = std::make_unique<std::string>(mqtt::utf8_prefix(why, kRefusalTextMax));
  }
  acks.open(std::move(place));
}

/// Sends what is settled at the front of the queue.
void Core::flush_acks(Peer peer) {
  AckQueue& acks = peer.connection.acks;
  if (!peer.connection.is_open()) return;
  while (acks.ready()) {
    const AckQueue::Place place = acks.pop();
    Reason reason = place.reason;
    if (reason == Reason::success && !place.matched && place.asked) {
      reason = Reason::no_matching_subscribers;
    }
    send_ack(peer,
             {.type = place.qos == Qos::at_least_once ? PacketType::puback : PacketType::pubrec,
              .packet_id = place.packet_id,
              .reason = reason},
             place.why != nullptr ? std::string_view(*place.why) : std::string_view());
  }
  if (acks.size() < AckQueue::kPlacesMax / 2 &&
      (peer.connection.paused_for & Connection::pause_acks) != 0) {
    set_reading(peer, Connection::pause_acks, false);
  }
}

/// The reason goes along in words if the client takes so large a packet.
void Core::send_ack(Peer peer, const mqtt::Acknowledgement& packet, std::string_view why) {
  Connection& connection = peer.connection;
  const PacketType type = packet.type;
  const mqtt::PacketId id = packet.packet_id;
  const Reason reason = connection.version == Version::v5 ? packet.reason : Reason::success;
  LOG_TO(log(), LogType::debug, "Sending {} to {} (m{}, rc{})", mqtt::name(type),
         name_of(connection), id.value(), mqtt::value(reason));
  if (type == PacketType::pubrec && mqtt::is_error(reason)) {
    // [MQTT-4.3.3-9] A refused id is free again.
    forget_received(sessions_.at(connection.session), id);
  }
  if (keeps()) hold_control(peer, sessions_.at(connection.session));
  Buffer properties;
  mqtt::Acknowledgement whole = packet;
  whole.properties = reason_string(connection, why, properties);
  if (!whole.properties.empty()) {
    Buffer bytes;
    mqtt::encode(whole, connection.version, bytes);
    if (send_sized(peer, bytes)) return;  // [MQTT-3.4.2-2] [MQTT-3.5.2-2]
  }
  Buffer& out = control(peer);
  const size_t size = out.size() + (reason == Reason::success ? 4U : 5U);
  out.resize(size);
  uint8_t* at = out.data() + size - (reason == Reason::success ? 4 : 5);
  at[0] = static_cast<uint8_t>(static_cast<unsigned>(type) << 4 |
                               (type == PacketType::pubrel ? 2U : 0U));
  at[1] = reason == Reason::success ? 2 : 3;
  at[2] = static_cast<uint8_t>(id.value() >> 8);
  at[3] = static_cast<uint8_t>(id.value());
  if (reason != Reason::success) at[4] = mqtt::value(reason);
  ++stats_.messages_sent;
  ++stats_.packets_sent[static_cast<size_t>(type)];
  mark_dirty(peer);
}

}  // namespace tombo::broker
