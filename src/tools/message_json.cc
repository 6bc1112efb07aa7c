#include "tools/message_json.h"

#include <array>
#include <memory>

#include <cjson/cJSON.h>
#include <fmt/core.h>

namespace tombo::tools {
namespace {

using client::PropertyId;

struct Free {
  void operator()(cJSON* json) const { cJSON_Delete(json); }

  void operator()(char* text) const { cJSON_free(text); }
};

using Json = std::unique_ptr<cJSON, Free>;

struct Key {
  PropertyId id{};
  const char* name = nullptr;
  bool is_text = false;
};

/// In the order of the output.
constexpr std::array<Key, 7> kKeys{{
    {PropertyId::payload_format_indicator, "payload-format-indicator"},
    {PropertyId::message_expiry_interval, "message-expiry-interval"},
    {PropertyId::content_type, "content-type", true},
    {PropertyId::response_topic, "response-topic", true},
    {PropertyId::correlation_data, "correlation-data", true},
    {PropertyId::subscription_identifier, "subscription-identifier"},
    {PropertyId::topic_alias, "topic-alias"},
}};

Json text_of(std::string_view text) {
  return Json(cJSON_CreateString(std::string(text).c_str()));
}

void add(cJSON* to, const char* name, Json item) {
  cJSON_AddItemToObject(to, name, item.release());
}

void add_user_properties(cJSON* to, const client::Properties& properties, bool is_v2_0) {
  Json all;
  for (const client::Property& each : properties) {
    if (each.id != PropertyId::user_property) continue;
    if (!all) all.reset(is_v2_0 ? cJSON_CreateObject() : cJSON_CreateArray());
    if (is_v2_0) {
      add(all.get(), each.text.c_str(), text_of(each.value));
    } else {
      Json one(cJSON_CreateObject());
      add(one.get(), each.text.c_str(), text_of(each.value));
      cJSON_AddItemToArray(all.get(), one.release());
    }
  }
  if (all) add(to, "user-properties", std::move(all));
}

Json properties_of(const client::Properties& properties, bool is_v2_0) {
  Json json(cJSON_CreateObject());
  for (const Key& key : kKeys) {
    const auto number = properties.number(key.id);
    if (!number) continue;
    add(json.get(), key.name,
        key.is_text ? text_of(*properties.text(key.id)) : Json(cJSON_CreateNumber(*number)));
  }
  add_user_properties(json.get(), properties, is_v2_0);
  return json;
}

}  // namespace

std::string local_time(const char* format, const timespec& at) {
  tm parts{};
  ::localtime_r(&at.tv_sec, &parts);
  std::array<char, 256> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

std::optional<std::string> message_json(const client::Received& message, const timespec& at,
                                        const JsonForm& form) {
  Json payload;
  if (message.payload.empty()) {
    payload.reset(cJSON_CreateNull());
  } else if (form.payload_is_json) {
    payload.reset(cJSON_ParseWithLength(message.payload.data(), message.payload.size()));
    if (!payload) return std::nullopt;
  } else {
    payload = text_of(message.payload);
  }
  Json json(cJSON_CreateObject());
  add(json.get(), "tst",
      text_of(fmt::format("{}.{:06}{}", local_time("%Y-%m-%dT%H:%M:%S", at), at.tv_nsec / 1000,
                          local_time("%z", at))));
  add(json.get(), "topic", text_of(message.topic));
  add(json.get(), "qos", Json(cJSON_CreateNumber(static_cast<int>(message.qos))));
  add(json.get(), "retain",
      Json(form.is_v2_0 ? cJSON_CreateNumber(message.retain ? 1 : 0)
                        : cJSON_CreateBool(static_cast<cJSON_bool>(message.retain))));
  add(json.get(), "payloadlen",
      Json(cJSON_CreateNumber(static_cast<double>(message.payload.size()))));
  if (message.qos != client::Qos::at_most_once) {
    add(json.get(), "mid", Json(cJSON_CreateNumber(message.packet_id)));
  }
  if (!message.properties.empty()) {
    add(json.get(), "properties", properties_of(message.properties, form.is_v2_0));
  }
  add(json.get(), "payload", std::move(payload));
  const std::unique_ptr<char, Free> text(form.pretty ? cJSON_Print(json.get())
                                                     : cJSON_PrintUnformatted(json.get()));
  return std::string(text.get());
}

}  // namespace tombo::tools
