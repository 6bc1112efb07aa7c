#include "mqtt/property.h"

#include "base/check.h"
#include "mqtt/topic.h"
#include "mqtt/utf8.h"

namespace tombo::mqtt {

namespace {

using Id = PropertyId;

bool read_text(ByteReader& reader, std::string_view& text) {
  text = as_text(reader.bytes(reader.u16()));
  return reader.ok();
}

/// Reads the value behind an identifier. False when it is cut short or no Variable Byte Integer.
bool read_value(ByteReader& reader, PropertyType type, Property& property) {
  switch (type) {
    case PropertyType::byte:
      property.number = reader.u8();
      return reader.ok();
    case PropertyType::two_byte:
      property.number = reader.u16();
      return reader.ok();
    case PropertyType::four_byte:
      property.number = reader.u32();
      return reader.ok();
    case PropertyType::variable:
      return read_variable(reader, property.number);
    case PropertyType::text:
    case PropertyType::binary:
      return read_text(reader, property.text);
    case PropertyType::pair:
      return read_text(reader, property.text) && read_text(reader, property.value);
  }
  return false;
}

/// Is a number in the range of its identifier? If not, `fault` says reason and why.
bool check_number(const Property& property, Malformed& fault) {
  fault.reason = Reason::protocol_error;
  switch (property.id) {
    case Id::payload_format_indicator:
    case Id::request_problem_information:
    case Id::request_response_information:
    case Id::maximum_qos:
    case Id::retain_available:
    case Id::wildcard_subscription_available:
    case Id::subscription_identifier_available:
    case Id::shared_subscription_available:
      fault.why = "property is neither 0 nor 1";
      return property.number <= 1;
    case Id::receive_maximum:
      fault.why = "receive maximum 0";
      return property.number != 0;
    case Id::maximum_packet_size:
      fault.why = "maximum packet size 0";
      return property.number != 0;
    case Id::subscription_identifier:
      fault.why = "subscription identifier 0";
      return property.number != 0;
    case Id::topic_alias:
      // [MQTT-3.3.2-8]
      fault.reason = Reason::topic_alias_invalid;
      fault.why = "topic alias 0";
      return property.number != 0;
    default:  // The other numbers may have any value, and texts have none.
      return true;
  }
}

/// The same for texts.
bool check_text(const Property& property, PropertyType type, Malformed& fault) {
  if (type != PropertyType::text && type != PropertyType::pair) return true;
  fault.reason = Reason::malformed_packet;
  fault.why = "property is not valid UTF-8";
  if (!valid_utf8(property.text) || !valid_utf8(property.value)) return false;
  // [MQTT-3.3.2-14]
  fault.reason = Reason::protocol_error;
  fault.why = "response topic has a wildcard";
  return property.id != Id::response_topic || !has_wildcard(property.text);
}

/// Marks the property as seen; false when it was seen before and may come but once.
bool mark_seen(uint64_t& seen, const PropertyInfo& info, PropertyPlace place) {
  const uint64_t mask = uint64_t{1} << static_cast<uint8_t>(info.id);
  const bool doubled = (seen & mask) != 0;
  seen |= mask;
  if (!doubled || info.id == Id::user_property) return true;
  return info.repeatable_in_publish && place == PropertyPlace::publish;
}

bool refuse(Malformed& error, Reason reason, uint32_t offset, std::string_view why) {
  error = {.reason = reason, .offset = offset, .why = why};
  return false;
}

}  // namespace

bool check_properties(Bytes raw, PropertyPlace place, uint32_t base, Malformed& error) {
  ByteReader reader(raw);
  uint64_t seen = 0;
  while (reader.remaining() != 0) {
    const uint32_t offset = base + static_cast<uint32_t>(reader.position());
    const PropertyInfo* info = property_info(reader.u8());
    if (info == nullptr) {
      return refuse(error, Reason::malformed_packet, offset, "unknown property");
    }
    if ((info->places >> static_cast<uint8_t>(place) & 1) == 0) {
      return refuse(error, Reason::protocol_error, offset, "property not allowed here");
    }
    if (!mark_seen(seen, *info, place)) {
      return refuse(error, Reason::protocol_error, offset, "duplicate property");
    }
    Property property;
    property.id = info->id;
    if (!read_value(reader, info->type, property)) {
      return refuse(error, Reason::malformed_packet, offset, "property cut short");
    }
    Malformed fault;
    if (!check_number(property, fault) || !check_text(property, info->type, fault)) {
      return refuse(error, fault.reason, offset, fault.why);
    }
  }
  // Section 3.1.2.11.10.
  const uint64_t data = uint64_t{1} << static_cast<uint8_t>(Id::authentication_data);
  const uint64_t method = uint64_t{1} << static_cast<uint8_t>(Id::authentication_method);
  if ((seen & data) != 0 && (seen & method) == 0) {
    return refuse(error, Reason::protocol_error, base, "authentication data without a method");
  }
  return true;
}

void Properties::Iterator::read() {
  current_ = Property{};
  if (rest_.empty()) return;
  ByteReader reader(rest_);
  const PropertyInfo* info = property_info(reader.u8());
  const bool valid = info != nullptr && read_value(reader, info->type, current_);
  CHECK(valid, "properties were not checked");
  current_.id = info->id;
  current_.raw = rest_.first(reader.position());
}

std::optional<uint32_t> Properties::number(PropertyId id) const {
  for (const Property& property : *this) {
    if (property.id == id) return property.number;
  }
  return std::nullopt;
}

std::optional<std::string_view> Properties::text(PropertyId id) const {
  for (const Property& property : *this) {
    if (property.id == id) return property.text;
  }
  return std::nullopt;
}

void PropertyWriter::number(PropertyId id, uint32_t value) {
  const PropertyInfo* info = property_info(static_cast<uint8_t>(id));
  DCHECK(info != nullptr);
  ByteWriter writer(out_);
  writer.u8(static_cast<uint8_t>(id));
  switch (info->type) {
    case PropertyType::byte:
      writer.u8(static_cast<uint8_t>(value));
      return;
    case PropertyType::two_byte:
      writer.u16(static_cast<uint16_t>(value));
      return;
    case PropertyType::four_byte:
      writer.u32(value);
      return;
    case PropertyType::variable:
      append_variable(out_, value);
      return;
    case PropertyType::text:
    case PropertyType::binary:
    case PropertyType::pair:
      break;
  }
  UNREACHABLE();
}

void PropertyWriter::text(PropertyId id, std::string_view value) {
  DCHECK(value.size() <= kStringBytesMax);
  ByteWriter writer(out_);
  writer.u8(static_cast<uint8_t>(id));
  writer.u16(static_cast<uint16_t>(value.size()));
  writer.text(value);
}

void PropertyWriter::pair(std::string_view name, std::string_view value) {
  DCHECK(value.size() <= kStringBytesMax);
  text(PropertyId::user_property, name);
  ByteWriter writer(out_);
  writer.u16(static_cast<uint16_t>(value.size()));
  writer.text(value);
}

void PropertyWriter::copy(const Property& property) {
  ByteWriter(out_).bytes(property.raw);
}

bool read_variable(ByteReader& reader, uint32_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    const uint8_t byte = reader.u8();
    value |= static_cast<uint32_t>(byte & 0x7F) << shift;
    // A last byte of 0 adds nothing, so the form was not the shortest [MQTT-1.5.5-1].
    if (byte < 0x80) return reader.ok() && (byte != 0 || shift == 0);
  }
  return false;
}

uint32_t variable_size(uint32_t value) {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x20'0000 ? 3 : 4;
}

uint32_t write_variable(uint8_t* out, uint32_t value) {
  DCHECK(value <= kRemainingLengthMax);
  uint32_t size = 0;
  while (value >= 0x80) {
    out[size++] = static_cast<uint8_t>(value | 0x80);
    value >>= 7;
  }
  out[size++] = static_cast<uint8_t>(value);
  return size;
}

void append_variable(std::vector<uint8_t>& out, uint32_t value) {
  uint8_t bytes[4];
  const uint32_t size = write_variable(bytes, value);
  out.insert(out.end(), bytes, bytes + size);
}

}  // namespace tombo::mqtt
