#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/proxy_signature.h"
#include "broker/core.h"
#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "mqtt/utf8.h"

// From the first byte of a connection to a client that may come in. Nothing of a client exists yet:
// what is refused here leaves no trace but a log line.
namespace tombo::broker {

using mqtt::PropertyId;
using mqtt::Reason;
using mqtt::Version;

namespace {

// First byte of a TLS ClientHello record.
constexpr uint8_t kTlsHandshake = 0x16;
// Of "GET ".
constexpr uint8_t kHttpGet = 'G';

}  // namespace

bool Core::check_first_bytes(Peer peer, Bytes bytes) {
  const uint8_t first_byte = bytes.front();
  const bool is_connect = first_byte >> 4 == static_cast<uint8_t>(mqtt::PacketType::connect);
  if (is_connect && first_byte != kTlsHandshake) return true;
  // [MQTT-3.1.0-1]
  const std::string_view address = peer.connection.address.get();
  if (looks_like_proxy_header(bytes)) {
    LOG_TO(log(), LogType::notice,
           "Client from {} appears to be using the PROXY protocol to connect to a listener without "
           "enable_proxy_protocol.",
           address);
  } else if (!config().is_v2_0()) {
    if (first_byte == kTlsHandshake) {
      LOG_TO(log(), LogType::notice,
             "Client from {} appears to be using TLS to connect to a non-TLS listener.", address);
    } else {
      LOG_TO(log(), LogType::notice, "Protocol error from {}: First packet not CONNECT ({:02X}).",
             address, first_byte);
      if (first_byte == kHttpGet) {
        LOG_TO(log(), LogType::notice,
               "Client from {} appears to be using HTTP or WebSocket to connect to a listener "
               "without websockets.",
               address);
      }
    }
  }
  log_ending(peer.connection, EndCause::protocol_error, "");
  start_closing(peer);
  return false;
}

void Core::on_connect_frame(Peer peer, const mqtt::Frame& frame) {
  ++stats_.messages_received;
  ++stats_.packets_received[frame.first_byte >> 4];
  mqtt::Connect packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, packet, error)) return refuse_malformed_connect(peer, packet, error);
  peer.connection.version = packet.version;
  if (!listener(peer.connection.listener)
           .accepts_protocol_level(static_cast<uint8_t>(packet.version))) {
    return refuse_version(peer, packet);
  }
  if (listener(peer.connection.listener).closed) {
    // Accepted before a reload closed it. What would decide the login is gone.
    return refuse(peer, packet, Reason::server_unavailable, "the listener has been closed");
  }
  if (listener(peer.connection.listener).user_name_from_certificate() &&
      !take_peer_name(peer, packet)) {
    return;
  }
  std::string client_id;
  if (!check_connect(peer, packet, client_id)) return;
  const bool assigned = packet.client_id.empty() && !client_id.empty();
  const ShardId to = home(client_id);
  if (to != setup_.shard) {
    // Sent on as it came; the home shard decodes it again and does the rest.
    return move_home(peer, to, frame);
  }
  log_in(peer, frame, packet, client_id, assigned);
  if (Connection* connection = connections_.find(peer.id)) connection->peer_name.reset();
}

/// The name in the client's certificate takes the place of the login in CONNECT.
bool Core::take_peer_name(Peer peer, mqtt::Connect& packet) {
  const std::string* name = peer.connection.peer_name.get();
  if (name == nullptr || !mqtt::valid_utf8(*name)) {
    refuse(peer, packet, Reason::bad_user_name_or_password,
           "no user name in the certificate of the client",
           "no user name in the certificate of the client (use_identity_as_username, "
           "use_subject_as_username)");
    return false;
  }
  packet.user_name = *name;
  packet.password.reset();
  return true;
}

void Core::refuse_version(Peer peer, const mqtt::Connect& packet) {
  LOG_TO(log(), LogType::info, "Invalid protocol version {} in CONNECT from {}.",
         packet.protocol_level, peer.connection.address.get());
  // A version that is not known is answered as the newest one would be, in 2.0 as the oldest.
  const auto level = static_cast<uint8_t>(packet.protocol_level & ~mqtt::kBridgeBit);
  const bool v3 = level == 3 || level == 4 || (level != 5 && config().is_v2_0());
  peer.connection.version = v3 ? Version::v3_1_1 : Version::v5;
  const bool known = level >= 3 && level <= 5;
  refuse(peer, packet, Reason::unsupported_protocol_version, "protocol version not supported",
         fmt::format("protocol version {} is {}", level,
                     known ? "not among accept_protocol_versions" : "not known"));
}

void Core::refuse_malformed_connect(Peer peer, const mqtt::Connect& packet,
                                    const mqtt::Malformed& why) {
  if (why.reason == Reason::unsupported_protocol_version) return refuse_version(peer, packet);
  LOG_TO(log(), LogType::notice, "Client {} sent {} CONNECT (byte {}): {}.",
         packet.client_id.empty() ? name_of(peer.connection) : packet.client_id,
         why.reason == Reason::malformed_packet ? "a malformed" : "an invalid", why.offset,
         why.why);
  const bool answered =
      packet.protocol_level == 5 && packet.protocol_name == "MQTT" && !config().is_v2_0();
  if (answered) {
    peer.connection.version = Version::v5;
    return answer_refusal(peer, packet, why.reason, why.why);
  }
  ++stats_.connects_refused;
  log_ending(peer.connection, cause_of(why.reason), "");
  start_closing(peer);
}

/// `why` is for the client, which is not known yet; the log may say more.
void Core::refuse(Peer peer, const mqtt::Connect& connect, Reason reason, std::string_view why,
                  std::string_view why_in_log) {
  log_refused_connect(peer.connection, connect, why_in_log.empty() ? why : why_in_log);
  answer_refusal(peer, connect, reason, why);
}

/// CONNACK with an error, then the end [MQTT-3.2.2-7].
void Core::answer_refusal(Peer peer, const mqtt::Connect& connect, Reason reason,
                          std::string_view why) {
  Connection& connection = peer.connection;
  ++stats_.connects_refused;
  mqtt::Connack packet;
  packet.reason = reason;
  Buffer properties;
  if (reason != Reason::unsupported_protocol_version) {
    packet.properties = reason_string(connection, why, properties);
  }
  const unsigned code =
      connection.version == Version::v5 ? mqtt::value(reason) : mqtt::connack_v3(reason);
  LOG_TO(log(), LogType::debug, "Sending CONNACK to {} (0, {})",
         connect.client_id.empty() ? name_of(connection) : connect.client_id, code);
  connection.packet_size_max =
      connect.properties.number(PropertyId::maximum_packet_size).value_or(0);
  Buffer bytes;
  mqtt::encode(packet, connection.version, bytes);
  if (connection.packet_size_max != 0 && bytes.size() > connection.packet_size_max) {
    packet.properties = {};  // [MQTT-3.2.2-19]
    bytes.clear();
    mqtt::encode(packet, connection.version, bytes);
  }
  send_sized(peer, bytes);
  log_ending(connection, cause_of(reason), "", connect.client_id);
  start_closing(peer);
}

bool Core::check_connect(Peer peer, mqtt::Connect& packet, std::string& client_id) {
  Connection& connection = peer.connection;
  connection.problem_information =
      packet.properties.number(PropertyId::request_problem_information).value_or(1) != 0;
  if (shutting_down_) {
    // [MQTT-3.2.2-8] CONNACK knows no "server shutting down".
    refuse(peer, packet, Reason::server_unavailable, "the server is shutting down");
    return false;
  }
  return check_keep_alive(peer, packet) && check_will(peer, packet) &&
         check_connect_limits(peer, packet) && choose_client_id(peer, packet, client_id);
}

bool Core::check_keep_alive(Peer peer, const mqtt::Connect& packet) {
  const uint16_t limit = config().max_keepalive;
  if (limit == 0 || packet.version == Version::v5) return true;
  if (packet.keep_alive_s != 0 && packet.keep_alive_s <= limit) return true;
  // v3 cannot be told another keep alive; Mosquitto answers "identifier rejected".
  refuse(peer, packet, Reason::client_identifier_not_valid, "keep alive over max_keepalive");
  return false;
}

bool Core::check_will(Peer peer, const mqtt::Connect& packet) {
  if (!packet.will) return true;
  if (mqtt::value(packet.will->qos) > listener(peer.connection.listener).max_qos) {
    refuse(peer, packet, Reason::qos_not_supported, "will QoS over max_qos");  // [MQTT-3.2.2-12]
    return false;
  }
  if (packet.will->retain && !config().retain_available) {
    refuse(peer, packet, Reason::retain_not_supported, "will retain",
           "the will is retained, and retain_available is false");  // [MQTT-3.2.2-13]
    return false;
  }
  const size_t mounted =
      listener(peer.connection.listener).mount_point.size() + packet.will->topic.size();
  if (mounted > mqtt::kStringBytesMax) {
    refuse(peer, packet, Reason::topic_name_invalid, "will topic too long below the mount point",
           "will topic too long below mount_point");
    return false;
  }
  if (packet.will->topic.starts_with("$CONTROL/")) {
    refuse(peer, packet, Reason::not_authorized, "will topic is the broker's own",
           "will topic begins with $CONTROL/");
    return false;
  }
  const bool text = packet.will->properties.number(PropertyId::payload_format_indicator) == 1U;
  if (text && !mqtt::well_formed_utf8(as_text(packet.will->payload))) {
    refuse(peer, packet, Reason::payload_format_invalid, "will payload is not UTF-8");
    return false;
  }
  return true;
}

bool Core::choose_client_id(Peer peer, const mqtt::Connect& packet, std::string& client_id) {
  const config::ListenerConfig& from = listener(peer.connection.listener);
  client_id = packet.client_id;
  if (from.use_username_as_clientid) {
    if (!packet.user_name || packet.user_name->empty()) {
      refuse(peer, packet, Reason::not_authorized, "use_username_as_clientid needs a user name");
      return false;
    }
    client_id = *packet.user_name;
    return true;
  }
  if (client_id.empty()) {
    // [MQTT-3.1.3-6] [MQTT-3.1.3-7]; 3.1 knows no empty ids, 3.1.1 only with a clean session.
    const bool allowed = config().zero_length_clientid_allowed(from) &&
                         (packet.version == Version::v5 ||
                          (packet.version == Version::v3_1_1 && packet.clean_start));
    if (!allowed) {
      refuse(peer, packet, Reason::client_identifier_not_valid, "empty client identifier",
             config().zero_length_clientid_allowed(from)
                 ? "empty client identifier in MQTT 3.1, or without clean session"
                 : "empty client identifier, and allow_zero_length_clientid is false");
      return false;
    }
    client_id = generate_client_id(config().auto_id_prefix_for(from));
    return true;
  }
  if (!client_id.starts_with(config().clientid_prefixes)) {
    refuse(peer, packet, Reason::not_authorized, "client identifier without the prefix asked for",
           "client identifier does not begin with clientid_prefixes");
    return false;
  }
  return true;
}

/// PREFIX and a UUID of version 4. Tries until this shard is the new client's home, so that the id
/// leads here when the client comes back with it.
std::string Core::generate_client_id(std::string_view prefix) {
  while (true) {
    std::array<uint64_t, 2> bits = {random_.next(), random_.next()};
    bits[0] = (bits[0] & ~0xF000ULL) | 0x4000ULL;
    bits[1] = (bits[1] & ~(3ULL << 62)) | 2ULL << 62;
    std::string id = fmt::format("{}{:08X}-{:04X}-{:04X}-{:04X}-{:012X}", prefix, bits[0] >> 32,
                                 bits[0] >> 16 & 0xFFFF, bits[0] & 0xFFFF, bits[1] >> 48,
                                 bits[1] & 0xFFFF'FFFF'FFFFULL);
    if (home(id) == setup_.shard && !sessions_.find(id)) return id;
  }
}

void Core::move_home(Peer peer, ShardId to, const mqtt::Frame& frame) {
  auto adopt = std::make_unique<mail::Adopt>();
  const uint8_t* begin = frame.body.data() - frame.header_size;
  adopt->bytes.assign(begin, begin + frame.size());
  adopt->bytes.insert(adopt->bytes.end(), rest_behind_connect_.begin(), rest_behind_connect_.end());
  adopt->address = peer.connection.address.get();
  if (const char* counted = peer.connection.counted_address.get()) adopt->counted_address = counted;
  adopt->listener = peer.connection.listener;
  adopt->pending = peer.connection.pending;
  adopt->peer_name = std::move(peer.connection.peer_name);
  --stats_.messages_received;  // its home counts it
  --stats_.packets_received[static_cast<size_t>(mqtt::PacketType::connect)];
  output_.moves.push_back({peer.id, to, std::move(adopt)});
  // The id stays taken until the turn ends: a connection accepted meanwhile must not get it while
  // the caller still has the transport under it.
  peer.connection.stage = Connection::Stage::closing;
  timers_.cancel(peer.connection.timer);
  moved_away_.push_back(peer.id);
}

}  // namespace tombo::broker
