#include "scenario/packet_text.h"

#include <charconv>
#include <map>
#include <optional>

#include <fmt/core.h>

#include "mqtt/encode.h"

namespace tombo::scenario {
namespace {

using mqtt::PacketType;
using mqtt::PropertyInfo;
using mqtt::Qos;

const std::map<std::string, PacketType> kAcknowledgements = {{"puback", PacketType::puback},
                                                             {"pubrec", PacketType::pubrec},
                                                             {"pubrel", PacketType::pubrel},
                                                             {"pubcomp", PacketType::pubcomp}};

/// `name=value` taken apart; nullopt when `word` is a plain word. Names are lower case with
/// hyphens and dots, so a topic with a slash in front of an equals sign is none.
struct Option {
  std::string name;
  std::string value;
};

std::optional<Option> as_option(const std::string& word) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) return std::nullopt;
  std::string name = word.substr(0, equals);
  if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-.") != std::string::npos) {
    return std::nullopt;
  }
  return Option{std::move(name), word.substr(equals + 1)};
}

std::optional<uint32_t> number_of(const std::string& text) {
  const bool hexadecimal = text.starts_with("0x");
  const char* begin = text.data() + (hexadecimal ? 2 : 0);
  uint32_t number = 0;
  const auto [end, failure] =
      std::from_chars(begin, text.data() + text.size(), number, hexadecimal ? 16 : 10);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// `abc*3` as abcabcabc; anything else as it is.
std::string repeated(const std::string& text) {
  const size_t star = text.rfind('*');
  if (star == std::string::npos || star == 0) return text;
  const auto times = number_of(text.substr(star + 1));
  if (!times) return text;
  std::string out;
  for (uint32_t i = 0; i < *times; ++i) out.append(text, 0, star);
  return out;
}

const PropertyInfo* property_named(const std::string& name) {
  for (unsigned id = 0; id < 128; ++id) {
    const PropertyInfo* info = mqtt::property_info(static_cast<uint8_t>(id));
    if (info != nullptr && info->name == name) return info;
  }
  return nullptr;
}

Qos qos_of(uint32_t number) {
  return static_cast<Qos>(number & 3);
}

}  // namespace

bool PacketText::knows(const std::string& kind) {
  return kAcknowledgements.contains(kind) || kind == "connect" || kind == "publish" ||
         kind == "subscribe" || kind == "unsubscribe" || kind == "ping" || kind == "disconnect" ||
         kind == "auth";
}

bool PacketText::encode(const std::string& kind, std::span<const std::string> words,
                        const std::string& client_id, std::vector<uint8_t>& out) {
  packet_.clear();
  bool done = false;
  if (kind == "connect") {
    done = connect(words, client_id);
  } else if (kind == "publish") {
    done = publish(words);
  } else if (kind == "subscribe") {
    done = subscribe(words);
  } else if (kind == "unsubscribe") {
    done = unsubscribe(words);
  } else if (kind == "ping") {
    mqtt::encode_ping(PacketType::pingreq, packet_);
    done = true;
  } else if (kind == "disconnect") {
    done = disconnect(words);
  } else if (kind == "auth") {
    done = auth(words);
  } else {
    done = acknowledge(kind, words);
  }
  if (done) out.insert(out.end(), packet_.begin(), packet_.end());
  return done;
}

bool PacketText::fail(const std::string& text) {
  error_ = text;
  return false;
}

bool PacketText::property(const std::string& name, const std::string& value,
                          std::vector<uint8_t>& out) {
  const PropertyInfo* info = property_named(name);
  if (info == nullptr) return fail("no such option or property: " + name);
  mqtt::PropertyWriter writer(out);
  switch (info->type) {
    case mqtt::PropertyType::pair: {
      const size_t colon = value.find(':');
      if (colon == std::string::npos) return fail("a user property is name:value");
      writer.pair(repeated(value.substr(0, colon)), repeated(value.substr(colon + 1)));
      return true;
    }
    case mqtt::PropertyType::text:
    case mqtt::PropertyType::binary:
      writer.text(info->id, repeated(value));
      return true;
    case mqtt::PropertyType::byte:
    case mqtt::PropertyType::two_byte:
    case mqtt::PropertyType::four_byte:
    case mqtt::PropertyType::variable:
      break;
  }
  const auto number = number_of(value);
  if (!number) return fail("not a number: " + value);
  writer.number(info->id, *number);
  return true;
}

bool PacketText::connect(std::span<const std::string> words, const std::string& client_id) {
  std::map<std::string, std::string> given;
  std::vector<uint8_t> properties;
  std::vector<uint8_t> will_properties;
  for (const std::string& word : words) {
    const auto option = as_option(word);
    if (!option) return fail("what is this: " + word);
    const auto& [name, value] = *option;
    static const std::string kPlain =
        " id clean keepalive user password bridge will will.payload will.qos will.retain ";
    if (kPlain.find(" " + name + " ") != std::string::npos) {
      given[name] = repeated(value);
    } else if (name.starts_with("will.")) {
      if (!property(name.substr(5), value, will_properties)) return false;
    } else if (!property(name, value, properties)) {
      return false;
    }
  }
  const auto number = [&given](const std::string& name, uint32_t otherwise) {
    const auto found = given.find(name);
    return found == given.end() ? otherwise : number_of(found->second).value_or(otherwise);
  };
  mqtt::Connect packet;
  packet.version = version_;
  packet.bridge = number("bridge", 0) != 0;
  packet.clean_start = number("clean", 1) != 0;
  packet.keep_alive_s = static_cast<uint16_t>(number("keepalive", 60));
  packet.client_id = given.contains("id") ? std::string_view(given["id"]) : client_id;
  packet.properties = mqtt::Properties(properties);
  if (given.contains("user")) packet.user_name = given["user"];
  if (given.contains("password")) packet.password = as_bytes(given["password"]);
  if (given.contains("will")) {
    packet.will = mqtt::Will{.qos = qos_of(number("will.qos", 0)),
                             .retain = number("will.retain", 0) != 0,
                             .properties = mqtt::Properties(will_properties),
                             .topic = given["will"],
                             .payload = as_bytes(given["will.payload"])};
  }
  mqtt::encode(packet, packet_);
  return true;
}

bool PacketText::publish(std::span<const std::string> words) {
  std::map<std::string, uint32_t> given;
  std::vector<uint8_t> properties;
  std::vector<std::string> plain;
  for (const std::string& word : words) {
    const auto option = as_option(word);
    if (!option) {
      plain.push_back(repeated(word));
    } else if (option->name == "q" || option->name == "r" || option->name == "dup" ||
               option->name == "m") {
      given[option->name] = number_of(option->value).value_or(0);
    } else if (!property(option->name, option->value, properties)) {
      return false;
    }
  }
  if (plain.empty() || plain.size() > 2) return fail("publish CLIENT TOPIC [PAYLOAD]");
  mqtt::Publish packet;
  packet.qos = qos_of(given["q"]);
  packet.retain = given["r"] != 0;
  packet.dup = given["dup"] != 0;
  packet.topic = plain[0];
  packet.properties = mqtt::Properties(properties);
  if (plain.size() == 2) packet.payload = as_bytes(plain[1]);
  if (packet.qos != Qos::at_most_once) {
    packet.packet_id =
        mqtt::PacketId(given.contains("m") ? static_cast<uint16_t>(given["m"]) : next_packet_id_++);
  }
  mqtt::encode(packet, version_, packet_);
  return true;
}

bool PacketText::subscribe(std::span<const std::string> words) {
  std::vector<mqtt::Subscription> filters;
  std::vector<std::string> texts;
  texts.reserve(words.size());  // views of them stand in `filters`
  std::vector<uint8_t> properties;
  std::optional<uint32_t> id;
  for (const std::string& word : words) {
    const auto option = as_option(word);
    if (!option) {
      filters.push_back({.filter = texts.emplace_back(repeated(word)), .options = {}});
      continue;
    }
    const uint32_t number = number_of(option->value).value_or(0);
    if (option->name == "m") {
      id = number;
    } else if (property_named(option->name) != nullptr) {
      if (!property(option->name, option->value, properties)) return false;
    } else if (filters.empty()) {
      return fail("options stand behind their filter");
    } else if (option->name == "q") {
      filters.back().options.qos = qos_of(number);
    } else if (option->name == "nl") {
      filters.back().options.no_local = number != 0;
    } else if (option->name == "rap") {
      filters.back().options.retain_as_published = number != 0;
    } else if (option->name == "rh") {
      filters.back().options.retain_handling = static_cast<mqtt::RetainHandling>(number & 3);
    } else {
      return fail("no such option: " + option->name);
    }
  }
  const auto packet_id = mqtt::PacketId(id ? static_cast<uint16_t>(*id) : next_packet_id_++);
  mqtt::encode_subscribe(packet_id, mqtt::Properties(properties), filters, version_, packet_);
  return true;
}

bool PacketText::unsubscribe(std::span<const std::string> words) {
  std::vector<std::string> texts;
  std::vector<uint8_t> properties;
  std::optional<uint32_t> id;
  for (const std::string& word : words) {
    const auto option = as_option(word);
    if (!option) {
      texts.push_back(repeated(word));
    } else if (option->name == "m") {
      id = number_of(option->value).value_or(0);
    } else if (!property(option->name, option->value, properties)) {
      return false;
    }
  }
  const std::vector<std::string_view> filters(texts.begin(), texts.end());
  const auto packet_id = mqtt::PacketId(id ? static_cast<uint16_t>(*id) : next_packet_id_++);
  mqtt::encode_unsubscribe(packet_id, mqtt::Properties(properties), filters, version_, packet_);
  return true;
}

bool PacketText::acknowledge(const std::string& kind, std::span<const std::string> words) {
  mqtt::Acknowledgement packet;
  packet.type = kAcknowledgements.at(kind);
  std::vector<uint8_t> properties;
  std::optional<uint32_t> id;
  for (const std::string& word : words) {
    const auto option = as_option(word);
    if (!option) {
      id = number_of(word);
    } else if (option->name == "rc") {
      packet.reason = static_cast<mqtt::Reason>(number_of(option->value).value_or(0));
    } else if (!property(option->name, option->value, properties)) {
      return false;
    }
  }
  if (!id) return fail(kind + " CLIENT PACKET-ID");
  packet.packet_id = mqtt::PacketId(static_cast<uint16_t>(*id));
  packet.properties = mqtt::Properties(properties);
  mqtt::encode(packet, version_, packet_);
  return true;
}

bool PacketText::disconnect(std::span<const std::string> words) {
  mqtt::Disconnect packet;
  std::vector<uint8_t> properties;
  for (const std::string& word : words) {
    const auto option = as_option(word);
    if (!option) return fail("what is this: " + word);
    if (option->name == "rc") {
      packet.reason = static_cast<mqtt::Reason>(number_of(option->value).value_or(0));
    } else if (!property(option->name, option->value, properties)) {
      return false;
    }
  }
  packet.properties = mqtt::Properties(properties);
  mqtt::encode(packet, version_, packet_);
  return true;
}

bool PacketText::auth(std::span<const std::string> words) {
  mqtt::Auth packet;
  std::vector<uint8_t> properties;
  for (const std::string& word : words) {
    const auto option = as_option(word);
    if (!option) return fail("what is this: " + word);
    if (option->name == "rc") {
      packet.reason = static_cast<mqtt::Reason>(number_of(option->value).value_or(0));
    } else if (!property(option->name, option->value, properties)) {
      return false;
    }
  }
  packet.properties = mqtt::Properties(properties);
  mqtt::encode(packet, packet_);
  return true;
}

}  // namespace tombo::scenario
