#include "mqtt/field_reader.h"

#include "mqtt/topic.h"
#include "mqtt/utf8.h"

namespace tombo::mqtt {

bool FieldReader::text(std::string_view& text, std::string_view why_not) {
  if (!raw_text(text)) return false;
  return valid_utf8(text) || fail(Reason::malformed_packet, why_not);
}

bool FieldReader::topic(std::string_view& topic) {
  if (!raw_text(topic)) return false;
  if (!valid_utf8_without_wildcards(topic)) {
    return fail(Reason::malformed_packet,
                valid_utf8(topic) ? "topic has a wildcard" : "topic is not valid UTF-8");
  }
  // A topic of fewer bytes cannot have that many levels.
  if (topic.size() >= kTopicLevelsMax && level_count(topic) > kTopicLevelsMax) {
    return fail(Reason::malformed_packet, "topic has too many levels");
  }
  return true;
}

bool FieldReader::reason(Reason& reason, ReasonPlace place) {
  uint8_t code = 0;
  if (!u8(code)) return false;
  reason = static_cast<Reason>(code);
  return check_reason(reason, place);
}

bool FieldReader::check_reason(Reason reason, ReasonPlace place) {
  if (allowed(reason, place)) return true;
  if (!is_known(reason)) return fail(Reason::malformed_packet, "unknown reason code");
  return fail(Reason::protocol_error, "reason code not allowed here");
}

bool FieldReader::properties(PropertyPlace place, Properties& properties) {
  start_field();
  uint32_t size = 0;
  if (!read_variable(reader_, size)) {
    return fail(Reason::malformed_packet, "property length malformed");
  }
  if (size == 0) {
    properties = Properties();
    return true;
  }
  const auto base = header_size_ + static_cast<uint32_t>(reader_.position());
  const Bytes raw = reader_.bytes(size);
  if (!reader_.ok()) return fail(Reason::malformed_packet, "property length beyond the packet");
  if (!check_properties(raw, place, base, error_)) return false;
  properties = Properties(raw);
  return true;
}

bool FieldReader::fail_at(uint32_t offset, Reason reason, std::string_view why) {
  error_ = {.reason = reason, .offset = offset, .why = why};
  return false;
}

bool FieldReader::cut_short() {
  return fail(Reason::malformed_packet, "packet ends within a field");
}

}  // namespace tombo::mqtt
