#include <memory>
#include <string>
#include <string_view>

#include <cjson/cJSON.h>
#include <fmt/core.h>

#include "base/base64.h"
#include "mosquitto_db/dump_forms.h"
#include "mosquitto_db/each_chunk.h"
#include "mosquitto_db/property_text.h"

namespace tombo::mosquitto_db {
namespace {

/// A value of cJSON, which lays out text as Mosquitto's tool does.
class Json {
 public:
  static Json object() { return Json(cJSON_CreateObject()); }

  static Json array() { return Json(cJSON_CreateArray()); }

  /// 64 bits, which a number of cJSON has not.
  template <class Integer>
  void number(const char* name, Integer value) {
    cJSON_AddItemToObject(value_.get(), name, cJSON_CreateRaw(fmt::format("{}", value).c_str()));
  }

  void text(const char* name, std::string_view value) {
    cJSON_AddStringToObject(value_.get(), name, std::string(value).c_str());
  }

  void text_unless_empty(const char* name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }

  void add(const char* name, Json value) {
    cJSON_AddItemToObject(value_.get(), name, value.value_.release());
  }

  void append(Json value) { cJSON_AddItemToArray(value_.get(), value.value_.release()); }

  [[nodiscard]] std::string print() const {
    const std::unique_ptr<char, decltype(&cJSON_free)> text(cJSON_Print(value_.get()), &cJSON_free);
    return text.get();
  }

 private:
  struct Delete {
    void operator()(cJSON* value) const { cJSON_Delete(value); }
  };

  explicit Json(cJSON* value) : value_(value) {}

  std::unique_ptr<cJSON, Delete> value_;
};

Json json_of(const mqtt::Property& property) {
  using Id = mqtt::PropertyId;
  Json json = Json::object();
  json.text("identifier", mqtt::property_info(static_cast<uint8_t>(property.id))->name);
  if (property.id == Id::user_property) {
    json.text("name", property.text);
    json.text("value", property.value);
  } else if (property.id == Id::correlation_data) {
    json.text("value", upper_hex(property.text));
  } else if (property.id == Id::payload_format_indicator) {
    json.number("value", property.number);
  } else {
    json.text("value", property.text);
  }
  return json;
}

Json json_of(const Message& message) {
  Json json = Json::object();
  json.number("storeid", message.id);
  json.number("expiry-time", message.expires_at_s);
  json.number("source-mid", message.packet_id);
  json.number("source-port", message.port);
  json.number("qos", message.qos);
  json.number("retain", message.retain);
  json.text("topic", message.topic);
  json.text_unless_empty("clientid", message.client_id);
  json.text_unless_empty("username", message.user_name);
  json.text_unless_empty("payload", to_base64(as_text(message.payload), Padding::equals_signs));
  if (!message.properties.empty()) {
    Json properties = Json::array();
    for (const mqtt::Property& each : valid_part(message.properties)) {
      properties.append(json_of(each));
    }
    json.add("properties", std::move(properties));
  }
  return json;
}

Json json_of(const Client& client) {
  Json json = Json::object();
  json.text("clientid", client.client_id);
  json.text_unless_empty("username", client.user_name);
  json.number("session-expiry-time", client.ends_at_s);
  json.number("session-expiry-interval", client.expiry_interval_s);
  json.number("last-mid", client.last_packet_id);
  json.number("listener-port", client.port);
  return json;
}

Json json_of(const ClientMessage& message) {
  Json json = Json::object();
  json.text("clientid", message.client_id);
  json.number("storeid", message.message_id);
  json.number("mid", message.packet_id);
  json.number("qos", message.qos);
  json.number("state", message.state);
  json.number("retain-dup", message.retain << 4 | message.dup);
  json.number("direction", message.direction);
  json.number("subscription-identifier", subscription_identifier(message.properties));
  return json;
}

Json json_of(const Retained& retained) {
  Json json = Json::object();
  json.number("storeid", retained.message_id);
  return json;
}

Json json_of(const Subscription& subscription) {
  Json json = Json::object();
  json.text("clientid", subscription.client_id);
  json.text("topic", subscription.filter);
  json.number("qos", subscription.qos);
  json.number("options", subscription.options);
  json.number("identifier", subscription.identifier);
  return json;
}

/// An array of the outer object, printed an element at a time: a file may have millions.
template <class Body>
void print_array(const ChunkReader& reader, std::string_view name, const TextSink& out) {
  out(fmt::format("\t\"{}\":\t[", name));
  std::string_view separator;
  for_each_body<Body>(reader, [&](const Body& body, const Chunk& /*chunk*/) {
    out(separator);
    separator = ", ";
    std::string indented;
    for (const char c : json_of(body).print()) {
      indented += c;
      if (c == '\n') indented += "\t\t";
    }
    out(indented);
  });
  out("]");
}

}  // namespace

void dump_json(const ChunkReader& reader, const TextSink& out) {
  out("{\n");
  print_array<Message>(reader, "base-messages", out);
  out(",\n");
  print_array<Client>(reader, "clients", out);
  out(",\n");
  print_array<ClientMessage>(reader, "client-messages", out);
  out(",\n");
  print_array<Retained>(reader, "retained-messages", out);
  out(",\n");
  print_array<Subscription>(reader, "subscriptions", out);
  out("\n}\n");
}

}  // namespace tombo::mosquitto_db
