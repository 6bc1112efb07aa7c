#include "broker/core.h"
#include "mqtt/decode.h"

// PUBACK, PUBREC, PUBREL, PUBCOMP.
namespace tombo::broker {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Reason;
using mqtt::Version;

void Core::on_acknowledgement(Peer peer, const mqtt::Frame& frame) {
  mqtt::Acknowledgement packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, peer.connection.version, packet, error)) {
    return malformed(peer, frame.type(), error);
  }
  Session& session = sessions_.at(peer.connection.session);
  LOG_TO(log(), LogType::debug, "Received {} from {} (Mid: {}, RC:{})", mqtt::name(packet.type),
         session.client_id, packet.packet_id.value(), mqtt::value(packet.reason));
  switch (packet.type) {
    case PacketType::puback:
      on_puback(peer, session, packet);
      break;
    case PacketType::pubrec:
      on_pubrec(peer, session, packet);
      break;
    case PacketType::pubrel:
      on_pubrel(peer, session, packet);
      break;
    default:
      on_pubcomp(peer, session, packet);
      break;
  }
}

/// Where in the window the message with this id stands. Ids are given out in turn, so they ascend
/// from the front on, round the end of their range: the front as a rule, else a binary search. Only
/// when messages went out of the order in which they were queued, everything is looked through.
std::optional<size_t> Core::inflight_index(const Session& session, mqtt::PacketId id) const {
  const Ring<Delivery>& window = session.inflight;
  if (window.empty()) return std::nullopt;
  const mqtt::PacketId front = window.front().packet_id;
  size_t low = 0;
  for (size_t high = window.size(); low < high;) {
    const size_t middle = low + (high - low) / 2;
    if (ids_between(front, window[middle].packet_id) < ids_between(front, id)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low < window.size() && window[low].packet_id == id) return low;
  if (!session.ids_mixed) return std::nullopt;
  for (size_t i = 0; i < window.size(); ++i) {
    if (window[i].packet_id == id) return i;
  }
  return std::nullopt;
}

/// A message is done with: its packet id is free, the window has a place.
void Core::finish_inflight(Session& session, size_t index) {
  Delivery& delivery = session.inflight[index];
  if (delivery.message) {
    session.inflight_bytes -= delivery.message->payload_size();
    held_bytes_ -= delivery.message->footprint();
  }
  record_done(session, delivery.packet_id);
  --held_messages_;
  release_extra(extras_, delivery);
  if (index == 0) {
    static_cast<void>(session.inflight.pop_front());
  } else {
    session.inflight.erase_at(index);
  }
  if (index < session.resent) --session.resent;
}

void Core::on_puback(Peer peer, Session& session, const mqtt::Acknowledgement& packet) {
  const auto index = inflight_index(session, packet.packet_id);
  if (!index) return;  // a late answer to a message that is settled: harmless
  if (session.inflight[*index].qos() != Qos::at_least_once) {
    return malformed(peer, packet.type, {Reason::protocol_error, 2, "PUBACK for a QoS 2 message"});
  }
  finish_inflight(session, *index);
  after_window_opened(peer, session);
}

void Core::on_pubrec(Peer peer, Session& session, const mqtt::Acknowledgement& packet) {
  const auto index = inflight_index(session, packet.packet_id);
  if (!index) {
    return send_ack(peer, {.type = PacketType::pubrel,
                           .packet_id = packet.packet_id,
                           .reason = Reason::packet_identifier_not_found});
  }
  Delivery& delivery = session.inflight[*index];
  if (delivery.qos() != Qos::exactly_once) {
    return malformed(peer, packet.type, {Reason::protocol_error, 2, "PUBREC for a QoS 1 message"});
  }
  if (mqtt::is_error(packet.reason)) {
    finish_inflight(session, *index);
    return after_window_opened(peer, session);
  }
  if (delivery.message) {
    // The receiver owns it now: only the id is still needed [MQTT-4.3.3-5].
    session.inflight_bytes -= delivery.message->payload_size();
    held_bytes_ -= delivery.message->footprint();
    if (keeps() && session.store_key != 0) {
      record_promise(StoreOp::Kind::queue_released, session).packet_id = packet.packet_id.value();
    }
    delivery.message = {};
  }
  delivery.set_state(Delivery::State::wait_for_pubcomp);
  delivery.sent_before = 0;  // this PUBREL is the one of this connection
  send_ack(peer, {.type = PacketType::pubrel, .packet_id = packet.packet_id});
}

void Core::on_pubrel(Peer peer, Session& session, const mqtt::Acknowledgement& packet) {
  const bool known = forget_received(session, packet.packet_id);
  // [MQTT-4.3.3-11] v3 clients get PUBCOMP in any case.
  send_ack(peer, {.type = PacketType::pubcomp,
                  .packet_id = packet.packet_id,
                  .reason = known ? Reason::success : Reason::packet_identifier_not_found});
}

bool Core::forget_received(Session& session, mqtt::PacketId id) {
  for (size_t i = 0; i < session.received.size(); ++i) {
    if (session.received[i] != id) continue;
    session.received.erase_at(i);
    uint16_t& before = connections_.at(session.connection).received_before;
    if (i < before) --before;
    if (keeps() && session.store_key != 0) {
      record_promise(StoreOp::Kind::received_delete, session).packet_id = id.value();
    }
    return true;
  }
  return false;
}

void Core::on_pubcomp(Peer peer, Session& session, const mqtt::Acknowledgement& packet) {
  const auto index = inflight_index(session, packet.packet_id);
  if (!index) return;
  if (session.inflight[*index].state() != Delivery::State::wait_for_pubcomp) {
    return malformed(peer, packet.type,
                     {Reason::protocol_error, 2, "PUBCOMP for a message without PUBREC"});
  }
  finish_inflight(session, *index);
  after_window_opened(peer, session);
}

void Core::after_window_opened(Peer peer, Session& session) {
  if (session.has_work()) {
    mark_dirty(peer);
  } else {
    session.drop_logged = false;
    pump_replays(session);
  }
}

}  // namespace tombo::broker
