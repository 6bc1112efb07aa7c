#include "tools/client_properties.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include <fmt/core.h>

#include "mqtt/property.h"

namespace tombo::tools {
namespace {

using client::PropertyId;
using mqtt::PropertyPlace;
using mqtt::PropertyType;

struct Command {
  std::string_view name;
  PropertyPlace place;
};

constexpr std::array<Command, 13> kCommands{{
    {"connect", PropertyPlace::connect},
    {"publish", PropertyPlace::publish},
    {"subscribe", PropertyPlace::subscribe},
    {"unsubscribe", PropertyPlace::unsubscribe},
    {"disconnect", PropertyPlace::disconnect},
    {"will", PropertyPlace::will},
    {"auth", PropertyPlace::auth},
    {"puback", PropertyPlace::puback},
    {"pubrec", PropertyPlace::pubrec},
    {"pubrel", PropertyPlace::pubrel},
    {"pubcomp", PropertyPlace::pubcomp},
    {"suback", PropertyPlace::suback},
    {"unsuback", PropertyPlace::unsuback},
}};

/// Where the properties of a command are kept; null: they are not supported.
client::Properties* place_of(ClientOptions& options, PropertyPlace place) {
  switch (place) {
    case PropertyPlace::connect:
      return &options.connect.properties;
    case PropertyPlace::publish:
      return &options.properties.publish;
    case PropertyPlace::subscribe:
      return &options.properties.subscribe;
    case PropertyPlace::unsubscribe:
      return &options.properties.unsubscribe;
    case PropertyPlace::disconnect:
      return &options.properties.disconnect;
    case PropertyPlace::will:
      if (!options.connect.will) options.connect.will.emplace();
      return &options.connect.will->properties;
    default:
      return nullptr;
  }
}

const mqtt::PropertyInfo* find_property(std::string_view name) {
  for (unsigned id = 1; id <= std::numeric_limits<uint8_t>::max(); ++id) {
    const mqtt::PropertyInfo* info = mqtt::property_info(static_cast<uint8_t>(id));
    if (info != nullptr && info->name == name) return info;
  }
  return nullptr;
}

bool may_stand(const mqtt::PropertyInfo& info, PropertyPlace place) {
  if (place == PropertyPlace::publish && info.id == mqtt::PropertyId::subscription_identifier) {
    return false;  // That is the broker's to say.
  }
  return (info.places >> static_cast<unsigned>(place) & 1U) != 0;
}

uint32_t most(PropertyType type) {
  if (type == PropertyType::byte) return std::numeric_limits<uint8_t>::max();
  if (type == PropertyType::two_byte) return std::numeric_limits<uint16_t>::max();
  return std::numeric_limits<uint32_t>::max();
}

std::string add(const mqtt::PropertyInfo& info, std::string_view value,
                client::Properties& properties) {
  const auto id = static_cast<PropertyId>(info.id);
  if (info.type == PropertyType::text || info.type == PropertyType::binary) {
    properties.add(id, std::string(value));
    return {};
  }
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number > most(info.type)) {
    return fmt::format("Property value ({}) out of range for property {}.", value, info.name);
  }
  properties.add(id, static_cast<uint32_t>(number));
  return {};
}

}  // namespace

std::string apply_property(ClientOptions& options, std::span<const std::string_view>& arguments) {
  if (arguments.size() < 3) {
    return "--property argument given but not enough arguments specified.";
  }
  const std::string_view command = arguments[0];
  const std::string_view name = arguments[1];
  const auto found = std::ranges::find(kCommands, command, &Command::name);
  if (found == kCommands.end()) {
    return fmt::format("Invalid command given in --property argument: {}.", command);
  }
  const mqtt::PropertyInfo* info = find_property(name);
  if (info == nullptr)
    return fmt::format("Invalid property name given in --property argument: {}.", name);
  const bool is_pair = info->type == PropertyType::pair;
  if (is_pair && arguments.size() < 4) {
    return "--property argument given but not enough arguments specified.";
  }
  if (!may_stand(*info, found->place)) {
    return fmt::format("{} property not allowed for {} in --property argument.", name, command);
  }
  client::Properties* properties = place_of(options, found->place);
  if (properties == nullptr) {
    return fmt::format("{} properties not supported in --property argument.", command);
  }
  options.connect.version = client::Version::v5;
  std::string wrong;
  if (is_pair) {
    properties->add_user_property(std::string(arguments[2]), std::string(arguments[3]));
  } else {
    wrong = add(*info, arguments[2], *properties);
  }
  arguments = arguments.subspan(is_pair ? 4 : 3);
  return wrong;
}

}  // namespace tombo::tools
