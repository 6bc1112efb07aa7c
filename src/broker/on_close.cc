#include <algorithm>
#include <utility>

#include "broker/core.h"
#include "mqtt/decode.h"
#include "mqtt/encode.h"

// Ends: of connections (by DISCONNECT, by an error, by the peer) and of sessions (expiry), with the
// will in between.
namespace tombo::broker {

using mqtt::PropertyId;
using mqtt::Reason;
using mqtt::Version;

namespace {

EndCause end_cause_of(CloseCause cause) {
  switch (cause) {
    case CloseCause::by_peer:
      return EndCause::closed_by_client;
    case CloseCause::by_protocol:
      return EndCause::protocol_error;
    case CloseCause::error:
    case CloseCause::by_broker:
      break;
  }
  return EndCause::socket_error;
}

}  // namespace

void Core::on_disconnect(Peer peer, const mqtt::Frame& frame) {
  mqtt::Disconnect packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, peer.connection.version, true, packet, error)) {
    return malformed(peer, frame.type(), error);
  }
  Session& session = sessions_.at(peer.connection.session);
  if (const auto expiry = packet.properties.number(PropertyId::session_expiry_interval)) {
    // [MQTT-3.1.2-23] What was 0 in CONNECT stays 0.
    if (*expiry != 0 && session.expiry_interval_s == 0) {
      return malformed(peer, frame.type(),
                       {Reason::protocol_error, 2, "session expiry interval was 0 in CONNECT"});
    }
    session.expiry_interval_s = *expiry;
    session.clean = *expiry == 0;
    record_session(session);
  }
  LOG_TO(log(), LogType::debug, "Received DISCONNECT from {}", session.client_id);
  peer.connection.will_wanted = packet.reason != Reason::success;  // [MQTT-3.14.4-3]
  log_ending(peer.connection, EndCause::normal, "");
  start_closing(peer);
}

/// A packet that the standard forbids: says so in the log with the place, answers a v5 client with
/// the reason, closes this connection and no other.
void Core::malformed(Peer peer, mqtt::PacketType type, const mqtt::Malformed& why) {
  LOG_TO(log(), LogType::notice, "Client {} sent {} {} (byte {}): {}.", name_of(peer.connection),
         why.reason == Reason::malformed_packet ? "a malformed" : "an invalid", mqtt::name(type),
         why.offset, why.why);
  end(peer, why.reason, why.why);
}

/// Ends a connection from our side: DISCONNECT with the reason for v5 clients [MQTT-4.13.1-1].
void Core::end(Peer peer, Reason reason, std::string_view why) {
  Connection& connection = peer.connection;
  if (connection.stage == Connection::Stage::closing) return;
  drop_held(connection);
  // Without CONNACK, which may have been held, there is nothing to disconnect from.
  const bool knows_us = connection.greeted || connection.control != nullptr;
  if (connection.is_open() && connection.version == Version::v5 && knows_us) {
    mqtt::Disconnect packet;
    packet.reason = reason;
    Buffer properties;
    // [MQTT-3.1.2-29] asks for silence only in packets other than CONNACK and DISCONNECT, but a
    // client that wants no problem information is spared it here too.
    packet.properties = reason_string(connection, why, properties);
    Buffer bytes;
    mqtt::encode(packet, connection.version, bytes);
    if (connection.packet_size_max != 0 && bytes.size() > connection.packet_size_max) {
      packet.properties = {};  // [MQTT-3.14.2-3]
      bytes.clear();
      mqtt::encode(packet, connection.version, bytes);
    }
    LOG_TO(log(), LogType::debug, "Sending DISCONNECT to {} ({})", name_of(connection),
           mqtt::value(reason));
    send_sized(peer, bytes);
  }
  log_ending(connection, cause_of(reason), "");
  start_closing(peer);
}

void Core::log_ending(const Connection& connection, EndCause cause, std::string_view detail,
                      std::string_view client_id) {
  if (!config().connection_messages) return;
  EndLine line =
      end_line(config().compatibility, cause, client_id.empty() ? name_of(connection) : client_id,
               connection.address.get(), detail);
  if (!line.text.empty()) {
    log().log(line.is_error ? LogType::error : LogType::notice, line.text);
  }
}

/// Nothing is read any more; what stands in `control` still goes out, then the socket closes.
void Core::start_closing(Peer peer) {
  detach(peer, peer.connection.will_wanted);
  peer.connection.stage = Connection::Stage::closing;
  timers_.cancel(peer.connection.timer);
  output_.close.push_back(peer.id);
  if (peer.connection.control != nullptr) mark_dirty(peer);
}

void Core::on_closed(ConnectionId id, CloseCause cause, std::string_view detail, Now now) {
  now_ = now;
  Connection* connection = connections_.find(id);
  if (connection == nullptr) return;
  const Peer peer{id, *connection};
  obey_waiting_disconnect(peer);
  if (connection->stage != Connection::Stage::closing) {
    if (cause == CloseCause::by_protocol) {
      const std::string_view address = connection->address.get();
      // Without the port, as Mosquitto writes it.
      LOG_TO(log(), LogType::notice, "Client connection from {} failed: {}.",
             address.substr(0, address.rfind(':')), detail);
    }
    log_ending(*connection, end_cause_of(cause), detail);
    detach(peer, true);
  }
  release_connection(peer);
}

void Core::release_connection(Peer peer) {
  leave_pending(peer);
  if (peer.connection.login != nullptr && peer.connection.login->delayed) --delayed_logins_;
  if (peer.connection.dirty) std::erase(output_.dirty, peer.id);
  connections_.erase(peer.id);
}

/// Takes the session off a connection that ends.
void Core::detach(Peer peer, bool publish_will_wanted) {
  Connection& connection = peer.connection;
  if (!connection.counted) return;
  connection.counted = false;
  --stats_.connected;
  if (connection.holds_place) setup_.admission->leave_connection();
  if (keeps()) orphaned_acks_.adopt(peer.id, connection.session, connection.acks);
  Session* session = sessions_.find(connection.session);
  if (session == nullptr || session->connection != peer.id) return;  // taken over
  const SessionId id = connection.session;
  stop_replays(*session);  // what it held back lines up behind what is queued already
  session->connection = {};
  session->offline_since = now_.time;
  // Its groups choose others from now on, for its own will too.
  if (session->clean) {
    leave_all_groups(id, *session);
  } else {
    tell_groups(id, *session, mail::GroupUpdate::Kind::offline);
  }
  if (!publish_will_wanted) session->will.reset();
  if (session->will != nullptr && (session->will->delay_s == 0 || session->clean)) {
    publish_will(*session);  // [MQTT-3.1.2-8]
  }
  if (session->clean) {
    // The name is still wanted for the log, by callers that have logged already: none after this.
    return expire_session(id, *session);
  }
  rest_queues(*session);
  record_session(*session);
  arm_session_timer(*session);
}

/// What found no time to leave: QoS 1 and 2 wait, in front of what comes while the client is away;
/// QoS 0 is not kept [as Mosquitto], unless asked for.
void Core::rest_queues(Session& session) {
  rest_pending(session);
  if (config().queue_qos0_messages) return;
  while (!session.pending.empty()) {
    Delivery delivery = session.pending.pop_front();
    forget(session, delivery);
  }
}

/// The next thing that time does to an offline session: its will, or its end.
void Core::arm_session_timer(Session& session) {
  std::optional<Time> due;
  const auto after = [&session](uint32_t seconds) {
    return session.offline_since + std::chrono::seconds(seconds);
  };
  if (session.will != nullptr) due = after(session.will->delay_s);
  if (const auto expiry = session_expiry(session)) {
    const Time end = session.offline_since + *expiry;
    due = due ? std::min(*due, end) : end;
  }
  if (due) timers_.arm(session.timer, *due);
}

/// How long after its disconnection the session ends; nullopt: never.
std::optional<Duration> Core::session_expiry(const Session& session) const {
  const auto limit = config().persistent_client_expiration;
  int64_t seconds = session.expiry_interval_s;
  if (session.expiry_interval_s == kNeverExpires) {
    if (!limit) return std::nullopt;
    seconds = *limit;
  } else if (limit) {
    seconds = std::min(seconds, *limit);
  }
  return std::chrono::seconds(seconds);
}

void Core::on_session_timer(Session& session) {
  if (session.online()) return;
  const SessionId id = sessions_.id_at(session.timer.owner);
  const auto expiry = session_expiry(session);
  const bool ends = expiry && session.offline_since + *expiry <= now_.time;
  // [MQTT-3.1.3-9] The will goes when its delay has passed or the session ends, whichever is first.
  if (session.will != nullptr &&
      (ends || session.offline_since + std::chrono::seconds(session.will->delay_s) <= now_.time)) {
    publish_will(session);
    if (!ends) record_session(session);
  }
  if (!ends) return arm_session_timer(session);
  LOG_TO(log(), LogType::notice, "Expiring client {} due to timeout.", session.client_id);
  ++stats_.clients_expired;
  expire_session(id, session);
}

/// The end of a session: nothing of it is left.
void Core::expire_session(SessionId id, Session& session, KeepPlace keep) {
  if (session.will != nullptr) publish_will(session);
  stop_replays(session);
  remove_all_subscriptions(session);
  leave_all_groups(id, session);
  give_back(session);
  clear_queues(session);
  if (keeps() && session.store_key != 0) record(StoreOp::Kind::session_delete, session);
  if (setup_.admission != nullptr && keep == KeepPlace::no) setup_.admission->leave_session();
  sessions_.erase(id);
}

void Core::publish_will(Session& session) {
  const std::unique_ptr<StoredWill> will = std::exchange(session.will, nullptr);
  if (will == nullptr) return;
  const mqtt::Message& message = *will->message;
  if (const auto reserved = why_reserved(message.topic()); !reserved.empty()) {
    return refused(session, Refused::will, message.topic(), reserved);
  }
  if (!may(session, Refused::will, message.topic())) return;
  if (!will->has_expiry) return publish(will->message);
  publish(
      mqtt::Message::make({.topic = message.topic(),
                           .properties = message.properties(),
                           .payload = message.payload(),
                           .qos = message.qos(),
                           .retain = message.retain(),
                           .origin = message.origin(),
                           .expires_at_ms = now_.wall_ms + int64_t{will->expiry_interval_s} * 1000,
                           .source = message.source()}));
}

void Core::shutdown(mail::Shutdown::Step step) {
  shutting_down_ = true;
  if (step == mail::Shutdown::Step::publish_wills) {
    sessions_.for_each([this](Session& session) { publish_will(session); });
    return;
  }
  connections_.for_each([this](ConnectionId id, Connection& connection) {
    if (connection.stage == Connection::Stage::closing) return;
    end({id, connection}, Reason::server_shutting_down, "the server is shutting down");
  });
}

}  // namespace tombo::broker
