#include <iterator>

#include "mqtt/decode.h"
#include "mqtt/field_reader.h"
#include "mqtt/utf8.h"

/// CONNECT, CONNACK, DISCONNECT, AUTH and the pings: packets about the connection itself.
namespace tombo::mqtt {

namespace {

/// Connect Flags (section 3.1.2.3).
struct ConnectFlags {
  uint8_t raw = 0;

  [[nodiscard]] bool reserved() const { return (raw & 0x01) != 0; }

  [[nodiscard]] bool clean_start() const { return (raw & 0x02) != 0; }

  [[nodiscard]] bool will() const { return (raw & 0x04) != 0; }

  [[nodiscard]] uint8_t will_qos() const { return (raw >> 3) & 0x03; }

  [[nodiscard]] bool will_retain() const { return (raw & 0x20) != 0; }

  [[nodiscard]] bool password() const { return (raw & 0x40) != 0; }

  [[nodiscard]] bool user_name() const { return (raw & 0x80) != 0; }
};

bool read_protocol(FieldReader& reader, Connect& packet) {
  if (!reader.raw_text(packet.protocol_name)) return false;
  const bool mqtt = packet.protocol_name == "MQTT";
  if (!mqtt && packet.protocol_name != "MQIsdp") {
    return reader.fail(Reason::protocol_error, "protocol name is not MQTT");
  }
  if (!reader.u8(packet.protocol_level)) return false;
  const uint8_t level = packet.protocol_level & static_cast<uint8_t>(~kBridgeBit);
  if (mqtt ? level != 4 && level != 5 : level != 3) {
    return reader.fail(Reason::unsupported_protocol_version, "unknown protocol version");
  }
  packet.version = static_cast<Version>(level);
  packet.bridge = packet.protocol_level != level;
  return true;
}

bool read_flags(FieldReader& reader, Version version, ConnectFlags& flags) {
  if (!reader.u8(flags.raw)) return false;
  if (flags.will_qos() == 3) {  // [MQTT-3.1.2-12], without a will [MQTT-3.1.2-11]
    return reader.fail(Reason::malformed_packet, "will QoS 3");
  }
  // In MQTT 3.1 the bits are unused rather than reserved.
  if (version == Version::v3_1) return true;
  if (flags.reserved()) {  // [MQTT-3.1.2-3]
    return reader.fail(Reason::malformed_packet, "reserved connect flag set");
  }
  if (!flags.will() && (flags.will_qos() != 0 || flags.will_retain())) {
    // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
    return reader.fail(Reason::malformed_packet, "will QoS or will retain without a will");
  }
  return true;
}

bool read_will(FieldReader& reader, const ConnectFlags& flags, Connect& packet) {
  if (!flags.will()) return true;
  Will& will = packet.will.emplace();
  will.qos = static_cast<Qos>(flags.will_qos());
  will.retain = flags.will_retain();
  if (packet.version == Version::v5 && !reader.properties(PropertyPlace::will, will.properties)) {
    return false;
  }
  if (!reader.topic(will.topic)) return false;
  if (will.topic.empty()) {  // [MQTT-4.7.3-1]
    return reader.fail(Reason::protocol_error, "will topic is empty");
  }
  return reader.binary(will.payload);
}

bool read_credentials(FieldReader& reader, const ConnectFlags& flags, Connect& packet) {
  // [MQTT-3.1.2-22] of MQTT 3.1.1; MQTT 5 allows it.
  if (flags.password() && !flags.user_name() && packet.version != Version::v5) {
    return reader.fail(Reason::malformed_packet, "password without a user name");
  }
  // MQTT 3.1 section 3.1: there the Remaining Length has precedence over the two flags.
  const bool optional = packet.version == Version::v3_1;
  if (flags.user_name() && !(optional && reader.remaining() == 0)) {
    if (!reader.text(packet.user_name.emplace(), "user name is not valid UTF-8")) return false;
  }
  if (flags.password() && !(optional && reader.remaining() == 0)) {
    if (!reader.binary(packet.password.emplace())) return false;
  }
  return true;
}

/// CONNACK return codes of MQTT 3.1.1 as reasons.
constexpr Reason kConnackV3[] = {
    Reason::success,
    Reason::unsupported_protocol_version,
    Reason::client_identifier_not_valid,
    Reason::server_unavailable,
    Reason::bad_user_name_or_password,
    Reason::not_authorized,
};

}  // namespace

bool decode(const Frame& frame, Connect& packet, Malformed& error) {
  FieldReader reader(frame, error);
  packet = Connect();
  if (!read_protocol(reader, packet)) return false;
  if (frame.flags() != 0 && packet.version != Version::v3_1) {
    return reader.fail_header("reserved flags set");
  }
  ConnectFlags flags;
  if (!read_flags(reader, packet.version, flags)) return false;
  packet.clean_start = flags.clean_start();
  if (!reader.u16(packet.keep_alive_s)) return false;
  if (packet.version == Version::v5 &&
      !reader.properties(PropertyPlace::connect, packet.properties)) {
    return false;
  }
  if (!reader.raw_text(packet.client_id)) return false;
  if (!valid_utf8(packet.client_id)) {  // [MQTT-3.1.3-4] [MQTT-3.1.3-8]
    return reader.fail(Reason::client_identifier_not_valid, "client id is not valid UTF-8");
  }
  return read_will(reader, flags, packet) && read_credentials(reader, flags, packet) &&
         reader.at_end();
}

bool decode(const Frame& frame, Version version, Connack& packet, Malformed& error) {
  FieldReader reader(frame, error);
  packet = Connack();
  if (!reader.check_flags(frame, version)) return false;
  uint8_t flags = 0;
  if (!reader.u8(flags)) return false;
  // [MQTT-3.2.2-1]; in MQTT 3.1 the byte is unused.
  if (version != Version::v3_1) {
    if (flags > 1) return reader.fail(Reason::malformed_packet, "reserved connack flags set");
    packet.session_present = flags == 1;
  }
  uint8_t code = 0;
  if (!reader.u8(code)) return false;
  if (version != Version::v5) {
    if (code >= std::size(kConnackV3)) {
      return reader.fail(Reason::malformed_packet, "unknown return code");
    }
    packet.reason = kConnackV3[code];
    return reader.at_end();
  }
  packet.reason = static_cast<Reason>(code);
  return reader.check_reason(packet.reason, ReasonPlace::connack) &&
         reader.properties(PropertyPlace::connack, packet.properties) && reader.at_end();
}

bool decode(const Frame& frame, Version version, bool by_client, Disconnect& packet,
            Malformed& error) {
  FieldReader reader(frame, error);
  packet = Disconnect();
  if (!reader.check_flags(frame, version)) return false;
  // Section 3.14.2.1: an empty body stands for reason 0, no Property Length for no properties.
  if (version != Version::v5 || reader.remaining() == 0) return reader.at_end();
  const auto place =
      by_client ? ReasonPlace::disconnect_by_client : ReasonPlace::disconnect_by_server;
  if (!reader.reason(packet.reason, place)) return false;
  if (reader.remaining() == 0) return true;
  if (!reader.properties(PropertyPlace::disconnect, packet.properties)) return false;
  if (!by_client && packet.properties.number(PropertyId::session_expiry_interval)) {
    // [MQTT-3.14.2-2]
    return reader.fail(Reason::protocol_error, "session expiry interval from a server");
  }
  return reader.at_end();
}

bool decode(const Frame& frame, Version version, Auth& packet, Malformed& error) {
  FieldReader reader(frame, error);
  packet = Auth();
  if (version != Version::v5) {
    return reader.fail_at(0, Reason::protocol_error, "AUTH before MQTT 5");
  }
  if (!reader.check_flags(frame, version)) return false;  // [MQTT-3.15.1-1]
  // Section 3.15.2.1: success without properties may be left out, but only as a whole.
  if (reader.remaining() == 0) return true;
  if (!reader.reason(packet.reason, ReasonPlace::auth) ||
      !reader.properties(PropertyPlace::auth, packet.properties)) {
    return false;
  }
  if (!packet.properties.text(PropertyId::authentication_method)) {  // Section 3.15.2.2.2.
    return reader.fail(Reason::protocol_error, "AUTH without an authentication method");
  }
  return reader.at_end();
}

bool decode_ping(const Frame& frame, Malformed& error) {
  FieldReader reader(frame, error);
  return reader.check_flags(frame, Version::v5) && reader.at_end();
}

}  // namespace tombo::mqtt
