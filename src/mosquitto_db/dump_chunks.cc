#include <string>
#include <variant>

#include <fmt/core.h>

#include "mosquitto_db/dump_forms.h"
#include "mosquitto_db/each_chunk.h"
#include "mosquitto_db/property_text.h"
#include "mqtt/property.h"
#include "mqtt/utf8.h"

namespace tombo::mosquitto_db {
namespace {

/// Longer payloads are not shown.
constexpr size_t kShownPayloadMax = 255;

/// The lines of one chunk after the other.
class ChunkPrinter {
 public:
  ChunkPrinter(bool as_v2_0, const TextSink& out) : as_v2_0_(as_v2_0), out_(out) {}

  void print(const Chunk& chunk) {
    text_.clear();
    length_ = chunk.length;
    std::visit([this](const auto& body) { body_of(body); }, chunk.body);
    out_(text_);
  }

 private:
  template <class Value>
  void line(std::string_view label, const Value& value) {
    text_ += fmt::format("\t{}: {}\n", label, value);
  }

  void begin(std::string_view name) {
    text_ += fmt::format("{}:\n", name);
    line("Length", length_);
  }

  void body_of(const Unknown& /*body*/) {}

  void body_of(const Config& body) {
    begin("DB_CHUNK_CFG");
    line("Shutdown", body.shutdown);
    line("DB ID size", body.id_size);
    line("Last DB ID", body.last_id);
  }

  void body_of(const Message& body) {
    begin(as_v2_0_ ? "DB_CHUNK_MSG_STORE" : "DB_CHUNK_BASE_MSG");
    line("Store ID", body.id);
    line("Source Port", body.port);
    line("Source MID", body.packet_id);
    line("Topic", body.topic);
    line("QoS", body.qos);
    line("Retain", body.retain);
    line("Payload Length", body.payload.size());
    line("Expiry Time", static_cast<uint64_t>(body.expires_at_s));
    const std::string_view payload = as_text(body.payload);
    if (!payload.empty() && payload.size() <= kShownPayloadMax && mqtt::valid_utf8(payload)) {
      line("Payload", payload);
    }
    properties(body.properties);
  }

  void body_of(const ClientMessage& body) {
    begin("DB_CHUNK_CLIENT_MSG");
    line("Client ID", body.client_id);
    line("Store ID", body.message_id);
    line("MID", body.packet_id);
    line("QoS", body.qos);
    line("Retain", body.retain);
    line("Direction", body.direction);
    line("State", body.state);
    line("Dup", body.dup);
    if (as_v2_0_) {
      properties(body.properties);
    } else if (const uint32_t identifier = subscription_identifier(body.properties)) {
      line("Subscription identifier", identifier);
    }
  }

  void body_of(const Retained& body) {
    begin("DB_CHUNK_RETAIN");
    line("Store ID", body.message_id);
  }

  void body_of(const Subscription& body) {
    begin("DB_CHUNK_SUB");
    line("Client ID", body.client_id);
    line("Topic", body.filter);
    line("QoS", body.qos);
    line("Subscription ID", body.identifier);
    line("Options", fmt::format("0x{:02X}", body.options));
  }

  void body_of(const Client& body) {
    begin("DB_CHUNK_CLIENT");
    line("Client ID", body.client_id);
    if (!body.user_name.empty()) line("Username", body.user_name);
    if (body.port > 0) line("Listener port", body.port);
    line("Last MID", body.last_packet_id);
    line("Session expiry time", static_cast<uint64_t>(body.ends_at_s));
    line("Session expiry interval", body.expiry_interval_s);
  }

  void properties(Bytes raw) {
    if (raw.empty()) return;
    text_ += "\tProperties:\n";
    for (const mqtt::Property& property : valid_part(raw)) {
      text_ += fmt::format("\t\t{}\n", property_line(property));
    }
    if (const auto bad = invalid_property(raw)) {
      text_ += fmt::format("\t\tInvalid property type: {}\n", *bad);
    }
  }

  bool as_v2_0_;
  const TextSink& out_;
  uint32_t length_ = 0;
  std::string text_;
};

}  // namespace

Result<void> dump_chunks(ChunkReader& reader, bool as_v2_0, const TextSink& out) {
  out(fmt::format("Mosquitto DB dump\nCRC: 0\nDB version: {}\n", reader.format()));
  ChunkPrinter printer(as_v2_0, out);
  return for_each_chunk(reader, [&printer](const Chunk& chunk) { printer.print(chunk); });
}

}  // namespace tombo::mosquitto_db
