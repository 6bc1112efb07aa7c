#include "store/records.h"

#include <vector>

#include "store/message_coding.h"
#include "store/varint.h"

namespace tombo::store {
namespace {

constexpr size_t kKeySize = sizeof(SessionNumber);

// Flags of a session.
constexpr uint8_t kHasWill = 0x01;
constexpr uint8_t kWillExpires = 0x02;
constexpr uint8_t kKnown = 0x03;

void append_text(std::vector<uint8_t>& out, std::string_view text) {
  append_varint(out, text.size());
  ByteWriter(out).text(text);
}

[[nodiscard]] bool read_text(ByteReader& reader, std::string& text) {
  uint64_t size = 0;
  if (!read_varint(reader, size) || size > UINT16_MAX || size > reader.remaining()) return false;
  text = as_text(reader.bytes(size));
  return true;
}

template <class Integer>
[[nodiscard]] bool read_number(ByteReader& reader, Integer& number) {
  uint64_t value = 0;
  if (!read_varint(reader, value)) return false;
  number = static_cast<Integer>(value);
  return static_cast<uint64_t>(number) == value;
}

[[nodiscard]] bool read_will(ByteReader& reader, bool expires, broker::SessionRecord& record) {
  mqtt::MessageParts parts;
  if (!read_message(reader, parts) || !read_number(reader, record.will_delay_s)) return false;
  record.will = mqtt::Message::make(parts);
  return !expires || read_number(reader, record.will_expiry_interval_s.emplace());
}

std::string text_of(const std::vector<uint8_t>& bytes) {
  return std::string(as_text(bytes));
}

}  // namespace

std::string session_key(SessionNumber session) {
  std::string key(kKeySize, '\0');
  for (size_t i = 0; i < kKeySize; ++i) {
    key[i] = static_cast<char>(session >> (8 * (kKeySize - 1 - i)));
  }
  return key;
}

std::string subscription_key(SessionNumber session, std::string_view filter) {
  return session_key(session).append(filter);
}

std::optional<SessionNumber> session_of(std::string_view key) {
  if (key.size() < kKeySize) return std::nullopt;
  SessionNumber session = 0;
  for (size_t i = 0; i < kKeySize; ++i) session = session << 8 | static_cast<uint8_t>(key[i]);
  return session;
}

std::string_view filter_of(std::string_view key) {
  return key.substr(kKeySize);
}

std::string encode_used_keys(SessionNumber end) {
  std::vector<uint8_t> out;
  append_varint(out, end);
  return text_of(out);
}

std::optional<SessionNumber> decode_used_keys(std::string_view value) {
  ByteReader reader(as_bytes(value));
  SessionNumber end = 0;
  if (!read_varint(reader, end) || reader.remaining() != 0) return std::nullopt;
  return end;
}

std::string encode_session(const broker::SessionRecord& record) {
  std::vector<uint8_t> out;
  uint8_t flags = 0;
  if (record.will) flags |= kHasWill;
  if (record.will_expiry_interval_s) flags |= kWillExpires;
  out.push_back(flags);
  append_text(out, record.client_id);
  append_text(out, record.user_name);
  append_varint(out, record.expiry_interval_s);
  append_varint(out, record.listener);
  append_varint(out, zigzag(record.disconnected_at_ms));
  append_varint(out, record.inflight);
  append_varint(out, record.next_sequence);
  if (!record.will) return text_of(out);
  append_message(out, parts_of(*record.will));
  append_varint(out, record.will_delay_s);
  if (record.will_expiry_interval_s) append_varint(out, *record.will_expiry_interval_s);
  return text_of(out);
}

std::optional<broker::SessionRecord> decode_session(std::string_view value) {
  ByteReader reader(as_bytes(value));
  broker::SessionRecord record;
  const uint8_t flags = reader.u8();
  uint64_t disconnected = 0;
  if (!reader.ok() || (flags & ~kKnown) != 0 || !read_text(reader, record.client_id) ||
      !read_text(reader, record.user_name) || !read_number(reader, record.expiry_interval_s) ||
      !read_number(reader, record.listener) || !read_varint(reader, disconnected) ||
      !read_number(reader, record.inflight) || !read_varint(reader, record.next_sequence)) {
    return std::nullopt;
  }
  record.disconnected_at_ms = unzigzag(disconnected);
  if ((flags & kHasWill) != 0 && !read_will(reader, (flags & kWillExpires) != 0, record)) {
    return std::nullopt;
  }
  if (reader.remaining() != 0) return std::nullopt;
  return record;
}

std::string encode_subscription(uint8_t options, uint32_t identifier) {
  std::vector<uint8_t> out{options};
  append_varint(out, identifier);
  return text_of(out);
}

bool decode_subscription(std::string_view value, uint8_t& options, uint32_t& identifier) {
  ByteReader reader(as_bytes(value));
  options = reader.u8();
  return reader.ok() && read_number(reader, identifier) && reader.remaining() == 0;
}

std::string encode_retained(const mqtt::Message& message) {
  std::vector<uint8_t> out;
  append_message(out, parts_of(message));
  return text_of(out);
}

SharedRef<const mqtt::Message> decode_retained(std::string_view value) {
  ByteReader reader(as_bytes(value));
  mqtt::MessageParts parts;
  if (!read_message(reader, parts) || reader.remaining() != 0) return {};
  return mqtt::Message::make(parts);
}

}  // namespace tombo::store
