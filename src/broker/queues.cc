#include <algorithm>

#include "base/hash.h"
#include "broker/core.h"
#include "broker/limits.h"

// What waits for a session: the bounds, the drop policy and the counting.
namespace tombo::broker {

using mqtt::Qos;

/// QoS 1 and 2 messages that may be unacknowledged at the client at a time.
uint32_t Core::window(const Connection& connection) const {
  return std::min<uint32_t>(connection.receive_maximum, config().receive_maximum());
}

/// Takes a delivery into a session's queue, or drops it by the rules of max_queued_messages and
/// max_queued_bytes. Returns whether it was taken.
bool Core::enqueue(Session& session, Delivery delivery, Source source, uint64_t decision) {
  Connection* connection = session.online() ? connections_.find(session.connection) : nullptr;
  const bool acknowledged = delivery.qos() != Qos::at_most_once;
  if (connection == nullptr && !acknowledged && !config().queue_qos0_messages) {
    release_extra(extras_, delivery);
    return false;
  }
  if (!queue_has_room(session, connection, delivery)) {
    drop(session, delivery);
    return false;
  }
  count_queued(session, delivery, 1);
  if (acknowledged) delivery.packet_id = next_packet_id(session);
  if (acknowledged && keeps() && (!session.clean || session.paged != nullptr)) {
    const uint64_t depends_on = session.clean ? 0 : decision;
    record_queued(session, delivery, session.next_sequence - 1, depends_on);
  }
  // What a group gives does not wait for a replay: it says nothing of whether the message comes for
  // the session's own subscription as well.
  if (source == Source::live && session.replays != nullptr && hold_back(session, delivery)) {
    return true;
  }
  line_up(session, std::move(delivery));
  return true;
}

/// The id that comes next and is not in use [MQTT-2.2.1-4].
mqtt::PacketId Core::next_packet_id(Session& session) const {
  for (;;) {
    const mqtt::PacketId id = packet_id_of(session.next_sequence++);
    if (!inflight_index(session, id)) return id;
  }
}

/// Puts a delivery that was taken into its queue.
void Core::line_up(Session& session, Delivery delivery) {
  Connection* connection = session.online() ? connections_.find(session.connection) : nullptr;
  // The order of QoS 1 and 2 is kept: once one waits for the window, the others wait behind it; but
  // one that came when the socket was full may still stand in `pending`.
  const bool wait = delivery.qos() != Qos::at_most_once &&
                    (connection == nullptr || (session.has_waiting() && session.pending.empty()));
  if (wait || (session.paged != nullptr && delivery.qos() != Qos::at_most_once)) {
    add_waiting(session, std::move(delivery));
    if (connection != nullptr) mark_dirty({session.connection, *connection});
    return;
  }
  session.pending.push_back(std::move(delivery));
  if (connection == nullptr) return;
  // A socket that takes nothing must not keep a long queue out of the store.
  if (connection->blocked && session.pending.size() % kPendingMax == 0) rest_pending(session);
  if (session.pending.size() >= kFlushFrom && !connection->blocked) output_.wants_flush = true;
  mark_dirty({session.connection, *connection});
}

bool Core::queue_has_room(const Session& session, const Connection* connection,
                          const Delivery& delivery) const {
  const uint64_t memory = config().memory_limit / setup_.shards;
  if (memory != 0 && !is_paged_next(session) &&
      held_bytes_ + retained_.bytes() + delivery.message->footprint() > memory) {
    return false;
  }
  const uint32_t count_max = config().max_queued_messages;
  const uint64_t bytes = session.queued_bytes + delivery.message->payload_size();
  if (delivery.qos() == Qos::at_most_once) {
    // A socket that takes what it is given has no queue to speak of: it is written this turn.
    if (connection != nullptr && !connection->blocked) return true;
    const uint64_t bytes_max =
        config().max_queued_bytes != 0 ? config().max_queued_bytes : kBlockedBytesMax;
    return bytes <= bytes_max &&
           (count_max == 0 || session.pending.size() + session.waiting.size() < count_max);
  }
  uint64_t free_window = 0;
  if (connection != nullptr) {
    const uint64_t open = window(*connection);
    free_window = open > session.inflight.size() ? open - session.inflight.size() : 0;
  }
  if (count_max != 0 && session.queued_acknowledged >= count_max + free_window) return false;
  return config().max_queued_bytes == 0 || bytes <= config().max_queued_bytes ||
         session.queued_acknowledged < free_window;
}

/// A delivery that finds no room.
void Core::drop(Session& session, Delivery& delivery) {
  ++stats_.publish_messages_dropped;
  release_extra(extras_, delivery);
  if (session.drop_logged) return;
  session.drop_logged = true;
  LOG_TO(log(), LogType::notice, "Outgoing messages are being dropped for client {}.",
         session.client_id);
}

void Core::count_queued(Session& session, const Delivery& delivery, int sign) {
  const auto bytes = static_cast<uint64_t>(int64_t{delivery.message->payload_size()} * sign);
  const auto step = static_cast<uint64_t>(int64_t{sign});
  session.queued_bytes += bytes;
  if (delivery.qos() != Qos::at_most_once) {
    session.queued_acknowledged += static_cast<uint32_t>(sign);
  }
  held_messages_ += step;
  held_bytes_ += static_cast<uint64_t>(int64_t{delivery.message->footprint()} * sign);
}

/// A queued delivery that will not be sent: expired, too large for the client, or its session ends.
void Core::forget(Session& session, Delivery& delivery) {
  count_queued(session, delivery, -1);
  if (delivery.qos() != Qos::at_most_once) record_done(session, delivery.packet_id);
  release_extra(extras_, delivery);
  delivery.message = {};
}

void Core::clear_queues(Session& session) {
  while (!session.pending.empty()) {
    Delivery delivery = session.pending.pop_front();
    forget(session, delivery);
  }
  while (!session.waiting.empty()) {
    Delivery delivery = session.waiting.pop_front();
    forget(session, delivery);
  }
  forget_paged(session);
  while (!session.inflight.empty()) {
    finish_inflight(session, session.inflight.size() - 1);
  }
  session.received.clear();
  session.resent = 0;
}

/// The client is back, perhaps as another user or to other rules. As in Mosquitto it does not get
/// what it may not read any more.
void Core::forget_unreadable(Session& session) {
  if (setup_.authorizer == nullptr) return;
  const auto is_kept = [&](const Delivery& delivery) {
    return may(session, Refused::delivery, delivery.message->topic());
  };
  for (Ring<Delivery>* queue : {&session.pending, &session.waiting}) {
    Ring<Delivery> kept;
    while (!queue->empty()) {
      Delivery delivery = queue->pop_front();
      if (is_kept(delivery)) {
        kept.push_back(std::move(delivery));
      } else {
        forget(session, delivery);
      }
    }
    *queue = std::move(kept);
  }
  for (size_t i = session.inflight.size(); i-- > 0;) {
    const Delivery& delivery = session.inflight[i];
    if (delivery.message && !is_kept(delivery)) finish_inflight(session, i);
  }
}

void Core::mark_dirty(Peer peer) {
  if (peer.connection.dirty || peer.connection.blocked) return;
  peer.connection.dirty = true;
  output_.dirty.push_back(peer.id);
}

void Core::mark_dirty(const Session& session) {
  Connection* connection = connections_.find(session.connection);
  if (connection != nullptr) mark_dirty({session.connection, *connection});
}

/// Stops or resumes reading for one of several reasons; the socket is told when the sum changes.
void Core::set_reading(Peer peer, uint16_t reason, bool stop) {
  const uint16_t before = peer.connection.paused_for;
  const uint16_t after = static_cast<uint16_t>(stop ? before | reason : before & ~reason);
  peer.connection.paused_for = after;
  if ((before == 0) != (after == 0)) output_.reading.emplace_back(peer.id, after == 0);
}

}  // namespace tombo::broker
