#include "client/coding.h"

#include <string>

namespace tombo::client {

using mqtt::PropertyType;

namespace {

mqtt::PropertyId wire_id(PropertyId id) {
  return static_cast<mqtt::PropertyId>(id);
}

uint32_t most(PropertyType type) {
  switch (type) {
    case PropertyType::byte:
      return UINT8_MAX;
    case PropertyType::two_byte:
      return UINT16_MAX;
    case PropertyType::variable:
      return mqtt::kRemainingLengthMax;
    default:
      return UINT32_MAX;
  }
}

bool add(mqtt::PropertyWriter& writer, const Property& property) {
  const mqtt::PropertyInfo* info = mqtt::property_info(static_cast<uint8_t>(property.id));
  if (info == nullptr || property.text.size() > mqtt::kStringBytesMax ||
      property.value.size() > mqtt::kStringBytesMax) {
    return false;
  }
  switch (info->type) {
    case PropertyType::text:
    case PropertyType::binary:
      writer.text(wire_id(property.id), property.text);
      return true;
    case PropertyType::pair:
      writer.pair(property.text, property.value);
      return true;
    default:
      if (property.number > most(info->type)) return false;
      writer.number(wire_id(property.id), property.number);
      return true;
  }
}

}  // namespace

bool encode_properties(const Properties& properties, std::vector<uint8_t>& out) {
  mqtt::PropertyWriter writer(out);
  for (const Property& property : properties) {
    if (!add(writer, property)) return false;
  }
  return true;
}

Properties decode_properties(mqtt::Properties properties) {
  Properties found;
  for (const mqtt::Property& property : properties) {
    const auto id = static_cast<PropertyId>(property.id);
    switch (mqtt::property_info(static_cast<uint8_t>(property.id))->type) {
      case PropertyType::text:
      case PropertyType::binary:
        found.add(id, std::string(property.text));
        break;
      case PropertyType::pair:
        found.add_user_property(std::string(property.text), std::string(property.value));
        break;
      default:
        found.add(id, property.number);
        break;
    }
  }
  return found;
}

}  // namespace tombo::client
