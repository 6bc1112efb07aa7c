#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "broker/core.h"
#include "mqtt/encode.h"

// From queues to bytes. Encoding is pulled when a socket can take it, never pushed: a message is 16
// bytes in a queue until then.
namespace tombo::broker {

using mqtt::Message;
using mqtt::Qos;
using mqtt::Version;

/// Where control packets of a connection are written; the caller marks it dirty.
Buffer& Core::control(Peer peer) {
  auto& buffer = peer.connection.control;
  if (buffer != nullptr) {
    if (buffer->size() > Connection::kControlBytesMax) {
      set_reading(peer, Connection::pause_control, true);
    }
    return *buffer;
  }
  if (spare_buffers_.empty()) {
    buffer = std::make_unique<Buffer>();
  } else {
    buffer = std::move(spare_buffers_.back());
    spare_buffers_.pop_back();
  }
  return *buffer;
}

/// Queues a whole packet unless the client said that it is too large for it [MQTT-3.1.2-24].
bool Core::send_sized(Peer peer, const Buffer& packet) {
  const uint32_t limit = peer.connection.packet_size_max;
  if (limit != 0 && packet.size() > limit) return false;
  Buffer& out = control(peer);
  out.insert(out.end(), packet.begin(), packet.end());
  ++stats_.messages_sent;
  ++stats_.packets_sent[packet[0] >> 4];
  mark_dirty(peer);
  return true;
}

bool Core::gather(ConnectionId id, FlushBuffer& buffer, Now now) {
  now_ = now;
  Connection* connection = connections_.find(id);
  if (connection == nullptr) return false;
  connection->dirty = false;
  connection->blocked = false;
  const Peer peer{id, *connection};
  if (connection->backlog != nullptr) {
    const Backlog& backlog = *connection->backlog;
    buffer.add(backlog.bytes.data() + backlog.written, backlog.bytes.size() - backlog.written);
    if (backlog.tail) buffer.add(backlog.tail, backlog.tail_offset);
    return !buffer.empty();
  }
  if (free_control(*connection) != 0) {
    connection->greeted = true;
    if (!write_control(peer, buffer)) return true;
  }
  if (!connection->greeted) return !buffer.empty();
  if (connection->is_open()) {
    Session* session = sessions_.find(connection->session);
    if (session != nullptr && session->connection == id) write_session(peer, *session, buffer);
  }
  return !buffer.empty();
}

/// Copies control packets that may leave; false when not all of them found room.
bool Core::write_control(Peer peer, FlushBuffer& buffer) {
  Buffer& bytes = *peer.connection.control;
  const size_t free = free_control(peer.connection);
  const size_t count = std::min(free, buffer.room());
  std::memcpy(buffer.write_at(), bytes.data(), count);
  buffer.commit(count);
  if (count < bytes.size()) {
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
    if (peer.connection.holds != nullptr) {
      for (ControlHold& hold : *peer.connection.holds) hold.offset -= count;
    }
    return count == free;
  }
  // An idle connection keeps no buffer; the shard keeps a few for the next ones.
  constexpr size_t kSpareBuffers = 64;
  bytes.clear();
  if (spare_buffers_.size() < kSpareBuffers && bytes.capacity() <= Connection::kControlBytesMax) {
    spare_buffers_.push_back(std::move(peer.connection.control));
  }
  peer.connection.control.reset();
  if ((peer.connection.paused_for & Connection::pause_control) != 0) {
    set_reading(peer, Connection::pause_control, false);
  }
  return true;
}

void Core::write_session(Peer peer, Session& session, FlushBuffer& buffer) {
  want_page(session);
  if (!write_resends(peer, session, buffer)) return;
  // What waits for the window goes before what came later.
  while (!session.waiting.empty() && !buffer.full()) {
    if (!window_open(peer.connection, session, session.waiting.front())) break;
    if (!write_next(peer, session, session.waiting, buffer)) return;
  }
  while (!session.pending.empty() && !buffer.full()) {
    const Delivery& next = session.pending.front();
    if (next.qos() != Qos::at_most_once &&
        (session.has_waiting() || !window_open(peer.connection, session, next))) {
      // QoS 0 does not wait for the window of others.
      add_waiting(session, session.pending.pop_front());
      continue;
    }
    if (!write_next(peer, session, session.pending, buffer)) return;
  }
  if (session.replays != nullptr) pump_replays(session);
  want_page(session);
}

/// Is there a place in the client's window (receive maximum, max_inflight_*) [MQTT-3.3.4-9], and
/// may the message be sent?
bool Core::window_open(const Connection& connection, const Session& session,
                       const Delivery& delivery) const {
  if (session.inflight.size() >= window(connection)) return false;
  const uint64_t bytes_max = config().max_inflight_bytes;
  return bytes_max == 0 || session.inflight.empty() ||
         session.inflight_bytes + delivery.message->payload_size() <= bytes_max;
}

/// Sends what was under way when the last connection ended [MQTT-4.4.0-1]; false: not all of it
/// could go yet, and nothing new may pass it.
bool Core::write_resends(Peer peer, Session& session, FlushBuffer& buffer) {
  while (session.resent < session.inflight.size()) {
    if (buffer.full()) return false;
    if (session.resent >= window(peer.connection)) {
      write_pubrels(session, buffer);
      return false;
    }
    Delivery& delivery = session.inflight[session.resent];
    if (!delivery.message) {
      if (buffer.room() < 4) return false;
      if (delivery.sent_before != 0) write_pubrel(delivery, buffer);
    } else if (delivery.message->expired(now_.wall_ms) && delivery.sent_before == 0) {
      finish_inflight(session, session.resent);
      continue;
    } else {
      const Written written = write_publish(peer, delivery, buffer);
      if (written == Written::no_room) return false;
      if (written == Written::too_large) {
        finish_inflight(session, session.resent);
        continue;
      }
    }
    ++session.resent;
  }
  return true;
}

/// [MQTT-3.3.4-10] The receive maximum holds PUBLISHes back, but no PUBREL.
void Core::write_pubrels(Session& session, FlushBuffer& buffer) {
  for (size_t i = session.resent; i < session.inflight.size() && buffer.room() >= 4; ++i) {
    Delivery& delivery = session.inflight[i];
    if (!delivery.message && delivery.sent_before != 0) write_pubrel(delivery, buffer);
  }
}

/// Sends a PUBREL again: once on each connection.
void Core::write_pubrel(Delivery& delivery, FlushBuffer& buffer) {
  delivery.sent_before = 0;
  uint8_t* at = buffer.write_at();
  at[0] = 0x62;
  at[1] = 2;
  at[2] = static_cast<uint8_t>(delivery.packet_id.value() >> 8);
  at[3] = static_cast<uint8_t>(delivery.packet_id.value());
  buffer.commit(4);
  ++stats_.messages_sent;
  ++stats_.packets_sent[static_cast<size_t>(mqtt::PacketType::pubrel)];
}

/// Sends the first delivery of `queue`; QoS 1 and 2 move to the window. False: no room in the
/// buffer.
bool Core::write_next(Peer peer, Session& session, Ring<Delivery>& queue, FlushBuffer& buffer) {
  Delivery& delivery = queue.front();
  if (delivery.held != 0) return false;
  const bool acknowledged = delivery.qos() != Qos::at_most_once;
  // [MQTT-2.2.1-4] In a long queue the message that had its id before may be under way still.
  if (acknowledged && inflight_index(session, delivery.packet_id)) return false;
  // [MQTT-3.3.2-5] What was begun at QoS 2 is ended.
  const bool is_begun = delivery.qos() == Qos::exactly_once && delivery.sent_before != 0;
  if (!is_begun && delivery.message->expired(now_.wall_ms)) {
    ++stats_.publish_messages_dropped;
    forget(session, delivery);
    static_cast<void>(queue.pop_front());
    return true;
  }
  const Written written = write_publish(peer, delivery, buffer);
  if (written == Written::no_room) return false;
  if (written == Written::too_large) {
    // [MQTT-3.1.2-25] Treated as if it had been sent and acknowledged.
    ++stats_.publish_messages_dropped;
    forget(session, delivery);
    static_cast<void>(queue.pop_front());
    return true;
  }
  count_queued(session, delivery, -1);
  if (!acknowledged) {
    release_extra(extras_, delivery);
    static_cast<void>(queue.pop_front());
    return true;
  }
  note_id_order(session, delivery.packet_id);
  session.inflight_bytes += delivery.message->payload_size();
  ++held_messages_;
  held_bytes_ += delivery.message->footprint();
  delivery.set_state(delivery.qos() == Qos::at_least_once ? Delivery::State::wait_for_puback
                                                          : Delivery::State::wait_for_pubrec);
  session.inflight.push_back(queue.pop_front());
  ++session.resent;
  return true;
}

/// A message joins the window: do the ids still ascend?
void Core::note_id_order(Session& session, mqtt::PacketId id) {
  if (session.inflight.empty()) {
    session.ids_mixed = false;
    return;
  }
  const mqtt::PacketId front = session.inflight.front().packet_id;
  const mqtt::PacketId back = session.inflight.back().packet_id;
  if (ids_between(front, id) <= ids_between(front, back)) session.ids_mixed = true;
}

Core::Written Core::write_publish(Peer peer, const Delivery& delivery, FlushBuffer& buffer) {
  Connection& connection = peer.connection;
  const Message& message = *delivery.message;
  mqtt::PublishHead head{.version = connection.version,
                         .qos = delivery.qos(),
                         .dup = delivery.sent_before != 0 && delivery.qos() != Qos::at_most_once,
                         .retain = delivery.retain != 0,
                         .packet_id = delivery.packet_id,
                         .topic = message.topic()};
  const std::string& mount_point = listener(connection.listener).mount_point;
  // A message of before a reload, or of another listener, may stand elsewhere.
  if (head.topic.starts_with(mount_point)) head.topic.remove_prefix(mount_point.size());
  if (connection.version == Version::v5) {
    if (delivery.has_extra()) {
      const auto& ids = extras_.at_index(delivery.extra_index())->subscription_ids;
      head.subscription_ids = ids.data();
      head.subscription_id_count = static_cast<uint32_t>(ids.size());
    } else if (delivery.extra != 0) {
      head.subscription_ids = &delivery.extra;
      head.subscription_id_count = 1;
    }
    if (message.expires_at_ms() != 0) {  // [MQTT-3.3.2-6]
      const int64_t left = std::max<int64_t>(message.expires_at_ms() - now_.wall_ms, 0);
      head.has_expiry = true;
      head.expiry_interval_s = static_cast<uint32_t>((left + 999) / 1000);
    }
  }
  const uint32_t payload = message.payload_size();
  const bool shared = payload >= FlushBuffer::kShareFrom;
  const size_t room = mqtt::publish_head_size_max(head, message) + (shared ? 0 : payload);
  if (connection.packet_size_max != 0 &&
      mqtt::publish_size(head, message) > connection.packet_size_max) {
    return Written::too_large;
  }
  if (buffer.room() < room) {
    if (!buffer.empty()) return Written::no_room;
    buffer.grow(room);
  }
  if (connection.alias_maximum_out != 0) use_alias(connection, message, head);
  uint8_t* out = buffer.write_at();
  const uint32_t written = mqtt::write_publish_head(out, head, message);
  if (shared) {
    buffer.commit(written);
    buffer.add(delivery.message, 0);
  } else {
    if (payload != 0) std::memcpy(out + written, message.payload().data(), payload);
    buffer.commit(written + payload);
  }
  ++stats_.messages_sent;
  ++stats_.publish_messages_sent;
  stats_.publish_bytes_sent += payload;
  ++stats_.packets_sent[static_cast<size_t>(mqtt::PacketType::publish)];
  LOG_TO(log(), LogType::debug, "Sending PUBLISH to {} (d{}, q{}, r{}, m{}, '{}', ... ({} bytes))",
         name_of(connection), head.dup ? 1 : 0, mqtt::value(head.qos), head.retain ? 1 : 0,
         head.packet_id.value(), message.topic(), payload);
  return Written::yes;
}

/// Topic aliases towards the client, given to topics as they come until all are used.
void Core::use_alias(Connection& connection, const Message& message,
                     mqtt::PublishHead& head) const {
  if (head.topic.size() <= 2) return;  // the alias costs three bytes
  if (connection.aliases == nullptr) connection.aliases = std::make_unique<TopicAliases>();
  auto& known = connection.aliases->to_client;
  for (size_t i = 0; i < known.size(); ++i) {
    if (known[i] != head.topic) continue;
    head.topic_alias = static_cast<uint16_t>(i + 1);
    head.topic = {};
    return;
  }
  if (known.size() >= connection.alias_maximum_out) return;
  head.topic_alias = static_cast<uint16_t>(known.size() + 1);
  if (connection.packet_size_max != 0 &&
      mqtt::publish_size(head, message) > connection.packet_size_max) {
    head.topic_alias = 0;  // [MQTT-3.1.2-24] these three bytes would be too many
    return;
  }
  known.emplace_back(head.topic);
}

bool Core::wrote(ConnectionId id, FlushBuffer& buffer, size_t count) {
  Connection* connection = connections_.find(id);
  if (connection == nullptr) {
    buffer.clear();
    return false;
  }
  stats_.bytes_sent += count;
  if (count < buffer.size()) {
    keep_backlog(*connection, buffer, count);
    buffer.clear();
    return false;
  }
  connection->backlog.reset();
  buffer.clear();
  if (free_control(*connection) != 0) return true;
  if (!connection->is_open() || !connection->greeted) return false;
  const Session* session = sessions_.find(connection->session);
  return session != nullptr && session->connection == id && can_write(*connection, *session);
}

/// Could gather() give more right now?
bool Core::can_write(const Connection& connection, const Session& session) const {
  if (session.resent < session.inflight.size()) return session.resent < window(connection);
  if (!session.pending.empty()) return true;
  return !session.waiting.empty() && window_open(connection, session, session.waiting.front());
}

/// Keeps what the socket did not take. Small things are copied out of the shard's buffer; the rest
/// of a large payload stays shared.
void Core::keep_backlog(Connection& connection, const FlushBuffer& buffer, size_t written) const {
  auto kept = std::make_unique<Backlog>();
  const auto* tail = buffer.last_held();
  size_t skip = written;
  for (size_t i = 0; i < buffer.slices().size(); ++i) {
    Slice slice = buffer.slices()[i];
    const size_t gone = std::min(skip, slice.size);
    skip -= gone;
    slice.data += gone;
    slice.size -= gone;
    if (slice.size == 0) continue;
    const bool last = i + 1 == buffer.slices().size();
    if (last && tail != nullptr) {
      kept->tail = *tail;
      kept->tail_offset = static_cast<size_t>(slice.data - (*tail)->payload().data());
    } else {
      kept->bytes.insert(kept->bytes.end(), slice.data, slice.data + slice.size);
    }
  }
  connection.backlog = std::move(kept);
  connection.blocked = true;
}

}  // namespace tombo::broker
