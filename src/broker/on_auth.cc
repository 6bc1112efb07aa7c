#include "broker/core.h"
#include "mqtt/decode.h"
#include "mqtt/encode.h"

// Enhanced authentication (section 4.12): AUTH packets before CONNACK and after it. What is said in
// them is the business of an AuthExchange.
namespace tombo::broker {

using mqtt::PropertyId;
using mqtt::Reason;
using mqtt::Version;

namespace {

Bytes authentication_data(const mqtt::Properties& properties) {
  return as_bytes(properties.text(PropertyId::authentication_data).value_or(""));
}

}  // namespace

/// False: the method is not offered to this client.
bool Core::begin_exchange(Peer peer, std::string_view method) {
  Connection& connection = peer.connection;
  // There the certificate is the login, and no other.
  if (listener(connection.listener).user_name_from_certificate()) return false;
  if (setup_.authenticator == nullptr) return false;
  auto exchange = setup_.authenticator->begin(method, connection.listener);
  if (exchange == nullptr) return false;
  if (connection.authentication == nullptr) {
    connection.authentication = std::make_unique<EnhancedAuthentication>(
        EnhancedAuthentication{std::string(method), nullptr});
  }
  connection.authentication->exchange = std::move(exchange);
  return true;
}

/// CONNECT names a method.
AuthDecision Core::start_login_exchange(Peer peer, const mqtt::Connect& packet) {
  const auto method = packet.properties.text(PropertyId::authentication_method).value_or("");
  if (!begin_exchange(peer, method)) {  // [MQTT-4.12.0-1]
    return {Reason::bad_authentication_method, "authentication method not supported"};
  }
  // AUTH must not be larger either.
  peer.connection.packet_size_max =
      packet.properties.number(PropertyId::maximum_packet_size).value_or(0);
  return peer.connection.authentication->exchange->next(authentication_data(packet.properties));
}

/// False: the packet breaks a rule that holds before CONNACK and after it.
bool Core::read_auth(const Connection& connection, const mqtt::Frame& frame, mqtt::Auth& packet,
                     mqtt::Malformed& error) const {
  if (!mqtt::decode(frame, connection.version, packet, error)) return false;
  // [MQTT-4.12.0-7] Only a client that gave a method in CONNECT may send AUTH.
  if (connection.authentication == nullptr) {
    error = {Reason::protocol_error, 0, "CONNECT had no authentication method"};
    return false;
  }
  const auto method = packet.properties.text(PropertyId::authentication_method);
  if (!method || *method != connection.authentication->method) {
    error = {Reason::protocol_error, 0, "not the authentication method of CONNECT"};
    return false;
  }
  return true;
}

/// A client in the middle of its login sends AUTH or gives up; nothing else [MQTT-3.1.2-30].
void Core::on_frame_before_connack(Peer peer, const mqtt::Frame& frame) {
  ++stats_.messages_received;
  ++stats_.packets_received[frame.first_byte >> 4];
  if (frame.type() == mqtt::PacketType::disconnect) {
    return on_disconnect_before_connack(peer, frame);
  }
  if (frame.type() != mqtt::PacketType::auth) {
    return refuse_login(peer, frame.type(),
                        {Reason::protocol_error, 0, "only AUTH or DISCONNECT before CONNACK"});
  }
  mqtt::Auth packet;
  mqtt::Malformed error;
  if (!read_auth(peer.connection, frame, packet, error)) {
    return refuse_login(peer, frame.type(), error);
  }
  if (packet.reason != Reason::continue_authentication) {  // [MQTT-4.12.0-3]
    return refuse_login(peer, frame.type(),
                        {Reason::protocol_error, 2, "only reason code 0x18 before CONNACK"});
  }
  on_login_data(peer, authentication_data(packet.properties));
}

/// What a client says whose name is known may be its proof: it waits as a password would, and is
/// not looked at where a password would not be, whenever the exchange began.
void Core::on_login_data(Peer peer, Bytes data) {
  const std::string_view user_name = peer.connection.authentication->exchange->user_name();
  Duration delay{0};
  if (!user_name.empty()) {
    if (const auto refusal = login_pace(peer, user_name, delay)) {
      return on_login_decided(peer, *refusal);
    }
  }
  if (delay == Duration(0)) return look_at_login_data(peer, data);
  peer.connection.login->authentication_data.assign(data.begin(), data.end());
  set_reading(peer, Connection::pause_login, true);
  delay_login(peer, delay);
}

void Core::look_at_login_data(Peer peer, Bytes data) {
  const AuthDecision decision = peer.connection.authentication->exchange->next(data);
  if (decision.reason != Reason::continue_authentication) return on_login_decided(peer, decision);
  send_auth(peer, decision);
  go_on(peer.id);
}

void Core::on_disconnect_before_connack(Peer peer, const mqtt::Frame& frame) {
  mqtt::Disconnect packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, peer.connection.version, true, packet, error)) {
    return refuse_login(peer, frame.type(), error);
  }
  const std::string& client_id = peer.connection.login->client_id;
  LOG_TO(log(), LogType::debug, "Received DISCONNECT from {}", client_id);
  log_ending(peer.connection, EndCause::normal, "", client_id);
  start_closing(peer);
}

/// A packet that may not come before CONNACK.
void Core::refuse_login(Peer peer, mqtt::PacketType type, const mqtt::Malformed& why) {
  LOG_TO(log(), LogType::notice, "Client {} sent {} {} (byte {}): {}.",
         peer.connection.login->client_id,
         why.reason == Reason::malformed_packet ? "a malformed" : "an invalid", mqtt::name(type),
         why.offset, why.why);
  on_login_decided(peer, {why.reason, std::string(why.why)});
}

/// A client that is connected proves again who it is, while everything else goes on (4.12.1).
void Core::on_auth(Peer peer, const mqtt::Frame& frame) {
  Connection& connection = peer.connection;
  mqtt::Auth packet;
  mqtt::Malformed error;
  if (connection.version != Version::v5) {
    return malformed(peer, frame.type(), {Reason::malformed_packet, 0, "packet type 15 in MQTT 3"});
  }
  if (!read_auth(connection, frame, packet, error)) return malformed(peer, frame.type(), error);
  if (!begin_again(peer, packet)) return;
  AuthExchange& exchange = *connection.authentication->exchange;
  const AuthDecision decision = exchange.next(authentication_data(packet.properties));
  if (mqtt::is_error(decision.reason)) return refuse_again(peer, decision);
  // The session, its will and its rights are the first user's. No proof of another is looked at.
  const bool is_over = decision.reason == Reason::success;
  const std::string_view user_name = exchange.user_name();
  if ((is_over || !user_name.empty()) && user_name != sessions_.at(connection.session).user_name) {
    return refuse_again(peer, {Reason::not_authorized, "authenticates again as another user"});
  }
  if (is_over) connection.authentication->exchange.reset();
  send_auth(peer, decision);
}

/// [MQTT-4.12.1-2] The end of a client that does not prove again who it is.
void Core::refuse_again(Peer peer, const AuthDecision& decision) {
  Session& session = sessions_.at(peer.connection.session);
  note_failure(peer.connection, peer.connection.authentication->exchange->user_name(), decision);
  refused_again(session, decision.log_text.empty() ? decision.reason_string : decision.log_text);
  end(peer, decision.reason, decision.reason_string);
}

/// The exchange that an AUTH packet of a connected client belongs to; false: it belongs to none.
bool Core::begin_again(Peer peer, const mqtt::Auth& packet) {
  const bool under_way = peer.connection.authentication->exchange != nullptr;
  const bool begins = packet.reason == Reason::re_authenticate;
  if (begins && !under_way) {
    if (begin_exchange(peer, peer.connection.authentication->method)) return true;
    end(peer, Reason::bad_authentication_method, "authentication method no longer supported");
    return false;
  }
  if (packet.reason == Reason::continue_authentication && under_way) return true;
  malformed(peer, mqtt::PacketType::auth,
            {Reason::protocol_error, 2,
             under_way ? "an authentication is under way" : "no authentication is under way"});
  return false;
}

void Core::send_auth(Peer peer, const AuthDecision& decision) {
  mqtt::Auth packet;
  packet.reason = decision.reason;
  Buffer properties;
  mqtt::PropertyWriter writer(properties);
  writer.text(PropertyId::authentication_method, peer.connection.authentication->method);
  if (!decision.data.empty()) writer.text(PropertyId::authentication_data, decision.data);
  packet.properties = mqtt::Properties(properties);
  Buffer bytes;
  mqtt::encode(packet, bytes);
  if (send_sized(peer, bytes)) return;
  log_ending(peer.connection, EndCause::oversize, "");
  start_closing(peer);
}

}  // namespace tombo::broker
