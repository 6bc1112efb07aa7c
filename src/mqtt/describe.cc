#include "mqtt/describe.h"

#include <algorithm>

#include "mqtt/decode.h"
#include "mqtt/utf8.h"

namespace tombo::mqtt {

namespace {

constexpr size_t kShownBytesMax = 64;

void add_hex(std::string& out, uint8_t byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 0x0F];
}

void add_reason(std::string& out, uint8_t code, Reason reason) {
  out += "0x";
  add_hex(out, code);
  out += ' ';
  out += name(reason);
}

/// ` m5`: a letter or two and a number.
void add_flag(std::string& out, std::string_view letter, uint32_t number) {
  out += ' ';
  out += letter;
  out += std::to_string(number);
}

void add_text(std::string& out, std::string_view field, std::string_view text) {
  out += field;
  out += quoted(text, false);
}

void add_size(std::string& out, size_t size) {
  out += '(';
  out += std::to_string(size);
  out += " bytes)";
}

void add_properties(std::string& out, const Properties& properties) {
  if (properties.empty()) return;
  out += ' ';
  out += describe(properties);
}

void add_message(std::string& out, std::string_view topic, Bytes payload, const Properties& all) {
  add_text(out, " topic=", topic);
  out += " payload=";
  out += quoted(as_text(payload), true);
  add_properties(out, all);
}

void add(std::string& out, const Connect& packet) {
  add_flag(out, "v", static_cast<uint32_t>(packet.version));
  if (packet.bridge) out += " bridge";
  add_flag(out, "c", packet.clean_start ? 1 : 0);
  add_flag(out, "k", packet.keep_alive_s);
  add_text(out, " id=", packet.client_id);
  if (packet.user_name) add_text(out, " user=", *packet.user_name);
  if (packet.password) {
    out += " password=";
    add_size(out, packet.password->size());
  }
  add_properties(out, packet.properties);
  if (!packet.will) return;
  out += " will";
  add_flag(out, "q", value(packet.will->qos));
  add_flag(out, "r", packet.will->retain ? 1 : 0);
  add_message(out, packet.will->topic, packet.will->payload, packet.will->properties);
}

void add(std::string& out, const Connack& packet, Version version) {
  add_flag(out, "sp", packet.session_present ? 1 : 0);
  out += " rc=";
  const uint8_t code = version == Version::v5 ? value(packet.reason) : connack_v3(packet.reason);
  add_reason(out, code, packet.reason);
  add_properties(out, packet.properties);
}

void add(std::string& out, const Publish& packet, Version) {
  add_flag(out, "q", value(packet.qos));
  add_flag(out, "r", packet.retain ? 1 : 0);
  add_flag(out, "d", packet.dup ? 1 : 0);
  if (packet.qos != Qos::at_most_once) add_flag(out, "m", packet.packet_id.value());
  add_message(out, packet.topic, packet.payload, packet.properties);
}

/// Reason and properties of the packets that have neither before MQTT 5.
void add_outcome(std::string& out, Reason reason, const Properties& properties, Version version) {
  if (version != Version::v5) return;
  out += " rc=";
  add_reason(out, value(reason), reason);
  add_properties(out, properties);
}

void add(std::string& out, const Acknowledgement& packet, Version version) {
  add_flag(out, "m", packet.packet_id.value());
  add_outcome(out, packet.reason, packet.properties, version);
}

void add(std::string& out, const Auth& packet, Version version) {
  add_outcome(out, packet.reason, packet.properties, version);
}

void add_filters(std::string& out, FilterList filters, bool has_options, Version version) {
  Subscription entry;
  for (std::string_view before = " "; filters.next(entry); before = ", ") {
    add_text(out, before, entry.filter);
    if (!has_options) continue;
    add_flag(out, "q", value(entry.options.qos));
    if (version != Version::v5) continue;
    add_flag(out, "nl", entry.options.no_local ? 1 : 0);
    add_flag(out, "rap", entry.options.retain_as_published ? 1 : 0);
    add_flag(out, "rh", static_cast<uint32_t>(entry.options.retain_handling));
  }
}

void add(std::string& out, const Subscribe& packet, Version version) {
  add_flag(out, "m", packet.packet_id.value());
  add_filters(out, packet.filters, true, version);
  add_properties(out, packet.properties);
}

void add(std::string& out, const Unsubscribe& packet, Version version) {
  add_flag(out, "m", packet.packet_id.value());
  add_filters(out, packet.filters, false, version);
  add_properties(out, packet.properties);
}

void add(std::string& out, const SubscribeAcknowledgement& packet, Version) {
  add_flag(out, "m", packet.packet_id.value());
  std::string_view before = " ";
  for (const uint8_t code : packet.reasons) {
    out += before;
    add_reason(out, code, static_cast<Reason>(code));
    before = ", ";
  }
  add_properties(out, packet.properties);
}

std::string refused(const Frame& frame, const Malformed& error) {
  std::string out(name(frame.type()));
  out += " refused with ";
  add_reason(out, value(error.reason), error.reason);
  out += ": ";
  out += error.why;
  out += " at byte ";
  out += std::to_string(error.offset);
  out += ", first byte ";
  add_hex(out, frame.first_byte);
  out += ", body ";
  const size_t shown = std::min(frame.body.size(), kShownBytesMax);
  out += hex(frame.body.first(shown));
  if (shown < frame.body.size()) {
    out += "...";
    add_size(out, frame.body.size());
  }
  return out;
}

template <class Packet>
std::string describe_as(const Frame& frame, Version version) {
  Packet packet;
  Malformed error;
  if (!decode(frame, version, packet, error)) return refused(frame, error);
  std::string out(name(frame.type()));
  add(out, packet, version);
  return out;
}

std::string describe_connect(const Frame& frame) {
  Connect packet;
  Malformed error;
  if (!decode(frame, packet, error)) return refused(frame, error);
  std::string out(name(frame.type()));
  add(out, packet);
  return out;
}

std::string describe_disconnect(const Frame& frame, Version version, bool from_client) {
  Disconnect packet;
  Malformed error;
  if (!decode(frame, version, from_client, packet, error)) return refused(frame, error);
  std::string out(name(frame.type()));
  add_outcome(out, packet.reason, packet.properties, version);
  return out;
}

std::string describe_ping(const Frame& frame) {
  Malformed error;
  return decode_ping(frame, error) ? std::string(name(frame.type())) : refused(frame, error);
}

}  // namespace

std::string describe(const Frame& frame, Version version, bool from_client) {
  switch (frame.type()) {
    case PacketType::connect:
      return describe_connect(frame);
    case PacketType::connack:
      return describe_as<Connack>(frame, version);
    case PacketType::publish:
      return describe_as<Publish>(frame, version);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return describe_as<Acknowledgement>(frame, version);
    case PacketType::subscribe:
      return describe_as<Subscribe>(frame, version);
    case PacketType::suback:
    case PacketType::unsuback:
      return describe_as<SubscribeAcknowledgement>(frame, version);
    case PacketType::unsubscribe:
      return describe_as<Unsubscribe>(frame, version);
    case PacketType::pingreq:
    case PacketType::pingresp:
      return describe_ping(frame);
    case PacketType::disconnect:
      return describe_disconnect(frame, version, from_client);
    case PacketType::auth:
      return describe_as<Auth>(frame, version);
    case PacketType::reserved:
      break;
  }
  return refused(frame, {.reason = Reason::malformed_packet, .why = "packet type 0"});
}

std::string describe(const Properties& properties) {
  if (properties.empty()) return {};
  std::string out;
  for (const Property& property : properties) {
    out += out.empty() ? "{" : ", ";
    const PropertyInfo& info = *property_info(static_cast<uint8_t>(property.id));
    out += info.name;
    out += ' ';
    if (info.type == PropertyType::pair) {
      add_text(out, "", property.text);
      add_text(out, "=", property.value);
    } else if (info.id == PropertyId::authentication_data) {
      add_size(out, property.text.size());
    } else if (info.type == PropertyType::text || info.type == PropertyType::binary) {
      out += quoted(property.text, info.type == PropertyType::binary);
    } else {
      out += std::to_string(property.number);
    }
  }
  out += '}';
  return out;
}

std::string quoted(std::string_view text, bool cut) {
  std::string_view shown = text;
  if (cut && text.size() > kShownBytesMax) shown = text.substr(0, kShownBytesMax);
  const bool utf8 = well_formed_utf8(shown);
  std::string out = "\"";
  for (const char c : shown) {
    const auto byte = static_cast<uint8_t>(c);
    const bool plain = byte >= 0x80 ? utf8 : byte >= 0x20 && byte != 0x7F;
    if (plain && c != '"' && c != '\\') {
      out += c;
    } else {
      out += "\\x";
      add_hex(out, byte);
    }
  }
  out += '"';
  if (shown.size() < text.size()) {
    out += "...";
    add_size(out, text.size());
  }
  return out;
}

}  // namespace tombo::mqtt
