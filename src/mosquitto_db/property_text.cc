#include "mosquitto_db/property_text.h"

#include <string_view>

#include <fmt/core.h>

namespace tombo::mosquitto_db {
namespace {

std::string_view part(std::string_view of_user_property) {
  return of_user_property.empty() ? std::string_view("(null)") : of_user_property;
}

}  // namespace

mqtt::Properties valid_part(Bytes raw) {
  return invalid_property(raw) ? mqtt::Properties() : mqtt::Properties(raw);
}

std::optional<uint32_t> invalid_property(Bytes raw) {
  mqtt::Malformed error;
  if (mqtt::check_properties(raw, mqtt::PropertyPlace::publish, 0, error)) return std::nullopt;
  return error.offset < raw.size() ? raw[error.offset] : 0;
}

uint32_t subscription_identifier(Bytes raw) {
  return valid_part(raw).number(mqtt::PropertyId::subscription_identifier).value_or(0);
}

std::string upper_hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02X}", static_cast<uint8_t>(c));
  return text;
}

std::string property_line(const mqtt::Property& property) {
  using Id = mqtt::PropertyId;
  switch (property.id) {
    case Id::payload_format_indicator:
      return fmt::format("Payload format indicator: {}", property.number);
    case Id::content_type:
      return fmt::format("Content type: {}", property.text);
    case Id::response_topic:
      return fmt::format("Response topic: {}", property.text);
    case Id::correlation_data:
      return fmt::format("Correlation data: {}", upper_hex(property.text));
    case Id::subscription_identifier:
      return fmt::format("Subscription identifier: {}", property.number);
    case Id::user_property:
      return fmt::format("User property: {} , {}", part(property.text), part(property.value));
    default:
      return fmt::format("Invalid property type: {}", static_cast<unsigned>(property.id));
  }
}

}  // namespace tombo::mosquitto_db
