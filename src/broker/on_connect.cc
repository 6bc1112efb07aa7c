#include <algorithm>

#include "broker/core.h"
#include "mqtt/encode.h"

// A client that may come in gets its session: a new one, or its own back.
namespace tombo::broker {

using mqtt::PropertyId;
using mqtt::Reason;
using mqtt::Version;

void Core::accept(Peer peer, const mqtt::Connect& packet, std::string_view client_id, bool assigned,
                  std::string_view authentication_data) {
  Connection& connection = peer.connection;
  const bool known = static_cast<bool>(sessions_.find(client_id));
  if (const auto full = no_room_for(packet, known); !full.empty()) {
    return refuse(peer, packet, Reason::quota_exceeded, full);
  }
  Admission* admission = setup_.admission;
  // Who takes its own session over gets the place that the old connection gives back.
  const bool takes_over = known && sessions_.at(sessions_.find(client_id)).online();
  if (admission != nullptr && !takes_over && !admission->enter_connection()) {
    return refuse(peer, packet, Reason::quota_exceeded, "global_max_connections reached");
  }
  if (admission != nullptr && !known && !admission->enter_session()) {
    admission->leave_connection();
    return refuse(peer, packet, Reason::quota_exceeded, "global_max_clients reached");
  }
  bool present = false;
  apply_limits(connection, packet);
  const SessionId id = attach(peer, packet, client_id, present);
  Session& session = sessions_.at(id);
  connection.session = id;
  connection.holds_place = admission != nullptr && (!takes_over || admission->enter_connection());
  connection.stage = Connection::Stage::open;
  leave_pending(peer);
  connection.counted = true;
  ++stats_.connected;
  ++stats_.connections_accepted;
  arm_keep_alive(connection);
  if (config().connection_messages) {
    const auto level = static_cast<unsigned>(connection.version);
    const unsigned shown = config().is_v2_0() && level < 5 ? level - 2 : level;
    LOG_TO(log(), LogType::notice, "New {} connected from {} as {} (p{}, c{}, k{}{}).",
           connection.bridge ? "bridge" : "client", connection.address.get(), client_id, shown,
           packet.clean_start ? 1 : 0, connection.keep_alive_s,
           packet.user_name ? fmt::format(", u'{}'", *packet.user_name) : std::string());
  }
  store_will(session, packet, connection);
  const ConnackFacts facts{
      .present = present,
      .assigned = assigned,
      .keep_alive_changed = connection.keep_alive_s != packet.keep_alive_s,
      .response_information =
          packet.properties.number(PropertyId::request_response_information) == 1U,
      .authentication_data = authentication_data};
  record_session(session);
  hold_control(peer, session);
  if (!send_connack(peer, session, facts)) {
    // [MQTT-3.1.2-24] Without CONNACK there is no connection, and no will of it.
    connection.will_wanted = false;
    log_ending(connection, EndCause::oversize, "");
    return start_closing(peer);
  }
  if (present) {
    resume(id, session);
    tell_groups(id, session, mail::GroupUpdate::Kind::online);
  }
}

void Core::apply_limits(Connection& connection, const mqtt::Connect& packet) {
  connection.bridge = packet.bridge;
  connection.packet_size_max_in = config().max_packet_size;
  connection.receive_maximum_in = config().receive_maximum();
  connection.alias_maximum_in = listener(connection.listener).max_topic_alias;
  connection.max_qos_in = listener(connection.listener).max_qos & 3U;
  connection.retain_in = config().retain_available;
  connection.keep_alive_s = packet.keep_alive_s;
  const uint16_t limit = config().max_keepalive;
  if (limit != 0 && (packet.keep_alive_s == 0 || packet.keep_alive_s > limit)) {
    connection.keep_alive_s = limit;  // told as Server Keep Alive [MQTT-3.1.2-21]
  }
  if (packet.version != Version::v5) return;
  const auto number = [&packet](PropertyId id, uint32_t otherwise) {
    return packet.properties.number(id).value_or(otherwise);
  };
  connection.receive_maximum = static_cast<uint16_t>(number(PropertyId::receive_maximum, 65535));
  connection.packet_size_max = number(PropertyId::maximum_packet_size, 0);
  const uint32_t aliases = number(PropertyId::topic_alias_maximum, 0);
  connection.alias_maximum_out = static_cast<uint16_t>(
      std::min<uint32_t>(aliases, listener(connection.listener).max_topic_alias_broker));
}

SessionId Core::attach(Peer peer, const mqtt::Connect& packet, std::string_view client_id,
                       bool& present) {
  uint32_t expiry = packet.clean_start ? 0 : kNeverExpires;  // v3: all or nothing
  if (packet.version == Version::v5) {
    expiry = packet.properties.number(PropertyId::session_expiry_interval).value_or(0);
  }
  SessionId id = sessions_.find(client_id);
  if (id) {
    Session& old = sessions_.at(id);
    const bool ends = packet.clean_start || old.expiry_interval_s == 0;
    if (old.online()) {
      take_over(old, ends);
    } else if (ends && old.will != nullptr) {
      publish_will(old);  // its session ends before the will's delay has passed
    }
    if (ends) {
      // [MQTT-3.1.2-4] [MQTT-3.1.4-4]
      expire_session(id, old, KeepPlace::yes);
      id = {};
    }
  }
  present = static_cast<bool>(id);
  if (!id) {
    id = sessions_.add(client_id).first;
    Session& fresh = sessions_.at(id);
    fresh.client_hash = origin_of(client_id);
    fresh.timer.kind = timer_session;
  }
  Session& session = sessions_.at(id);
  // CONNACK says that there is no old session: one that has just ended, for an earlier connection
  // perhaps, must not come back after a restart.
  if (!present) session.safe_after = ended_in_;
  timers_.cancel(session.timer);
  session.will.reset();  // [MQTT-3.1.3-9] back before the delay has passed: not sent
  session.connection = peer.id;
  session.allowed.reset();  // They were another user's, perhaps.
  session.user_name = packet.user_name.value_or("");
  session.listener = peer.connection.listener;
  session.expiry_interval_s = expiry;
  session.clean = expiry == 0;
  peer.connection.received_before = static_cast<uint16_t>(session.received.size());
  return id;
}

/// [MQTT-3.1.4-3] The same client id connects a second time: the first connection ends.
void Core::take_over(Session& session, bool session_ends) {
  const Peer old{session.connection, connections_.at(session.connection)};
  // A will with a delay is not sent when the session lives on and the client is back already.
  const bool with_will = session_ends || (session.will != nullptr && session.will->delay_s == 0);
  if (session_ends) leave_all_groups(sessions_.find(session.client_id), session);
  if (with_will) publish_will(session);
  session.will.reset();
  if (!session_ends) stop_replays(session);
  // From here on the old connection has no say over the session.
  session.connection = {};
  end(old, Reason::session_taken_over, "another client connected with this client identifier");
}

void Core::store_will(Session& session, const mqtt::Connect& packet, const Connection& connection) {
  if (!packet.will) {
    LOG_TO(log(), LogType::debug, "No will message specified.");
    return;
  }
  const mqtt::Will& will = *packet.will;
  LOG_TO(log(), LogType::debug, "Will message specified ({} bytes) (r{}, q{}).",
         will.payload.size(), will.retain ? 1 : 0, mqtt::value(will.qos));
  LOG_TO(log(), LogType::debug, "\t{}", will.topic);
  const std::string& mount_point = listener(connection.listener).mount_point;
  const std::string mounted =
      mount_point.empty() ? std::string() : mount_point + std::string(will.topic);
  auto stored = std::make_unique<StoredWill>();
  stored->message =
      mqtt::Message::make({.topic = mount_point.empty() ? will.topic : std::string_view(mounted),
                           .properties = will.properties,
                           .payload = will.payload,
                           .qos = will.qos,
                           .retain = will.retain,
                           .origin = session.client_hash,
                           .source = source_to_keep(session, will.retain)});
  stored->delay_s = will.properties.number(PropertyId::will_delay_interval).value_or(0);
  const auto expiry = will.properties.number(PropertyId::message_expiry_interval);
  stored->has_expiry = expiry.has_value();
  stored->expiry_interval_s = expiry.value_or(0);
  session.will = std::move(stored);
}

/// Properties in Mosquitto's order, which some clients' tests compare byte for byte. False when the
/// client does not take so large a packet.
bool Core::send_connack(Peer peer, const Session& session, const ConnackFacts& facts) {
  Connection& connection = peer.connection;
  mqtt::Connack packet;
  packet.session_present = facts.present;
  Buffer bytes;
  if (connection.version == Version::v5) {
    mqtt::PropertyWriter properties(bytes);
    if (facts.keep_alive_changed) {
      properties.number(PropertyId::server_keep_alive, connection.keep_alive_s);
    }
    if (connection.alias_maximum_in != 0) {
      properties.number(PropertyId::topic_alias_maximum, connection.alias_maximum_in);
    }
    if (facts.assigned) properties.text(PropertyId::assigned_client_identifier, session.client_id);
    if (connection.authentication != nullptr) {  // [MQTT-4.12.0-5]
      properties.text(PropertyId::authentication_method, connection.authentication->method);
      if (!facts.authentication_data.empty()) {
        properties.text(PropertyId::authentication_data, facts.authentication_data);
      }
    }
    const std::string response = "response/" + session.client_id + "/";
    if (facts.response_information && response.size() <= mqtt::kStringBytesMax) {
      properties.text(PropertyId::response_information, response);
    }
    if (!connection.retain_in) properties.number(PropertyId::retain_available, 0);
    if (connection.packet_size_max_in != 0) {
      properties.number(PropertyId::maximum_packet_size, connection.packet_size_max_in);
    }
    properties.number(PropertyId::receive_maximum, connection.receive_maximum_in);
    if (connection.max_qos_in < 2) {
      properties.number(PropertyId::maximum_qos, connection.max_qos_in);
    }
    packet.properties = mqtt::Properties(bytes);
  }
  // 3.1 has no session present flag: the byte is reserved there.
  if (connection.version == Version::v3_1) packet.session_present = false;
  LOG_TO(log(), LogType::debug, "Sending CONNACK to {} ({}, 0)", session.client_id,
         packet.session_present ? 1 : 0);
  Buffer whole;
  mqtt::encode(packet, connection.version, whole);
  return send_sized(peer, whole);
}

/// The client is back: everything under way that it may still read is sent again in its order
/// [MQTT-4.4.0-1], then what waits.
void Core::resume(SessionId id, Session& session) {
  session.resent = 0;
  forget_unreadable(session);
  for (Delivery& delivery : session.inflight) delivery.sent_before = 1;
  restart_replays(id, session);
  mark_dirty(session);
}

}  // namespace tombo::broker
