#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "mqtt/frame.h"
#include "mqtt/property.h"
#include "mqtt/reason.h"

namespace tombo::mqtt {

/// The flags of every packet but PUBLISH [MQTT-2.1.3-1].
constexpr uint8_t reserved_flags(PacketType type) {
  const bool has_bit = type == PacketType::pubrel || type == PacketType::subscribe ||
                       type == PacketType::unsubscribe;
  return has_bit ? 0x02 : 0x00;
}

/// Reads the fields of one packet in order and writes down the first thing that is wrong. For the
/// decode functions only. Every read returns false, with the error set, when the packet ends
/// before the field does.
/// Home: the stack of a decode function; views into the frame.
class FieldReader {
 public:
  FieldReader(const Frame& frame, Malformed& error)
      : reader_(frame.body), header_size_(frame.header_size), error_(error) {}

  /// Are the lower bits of the first byte those of a packet without flags (section 2.1.3)?
  /// MQTT 3.1 leaves them open: DUP may be set, the others mean nothing.
  [[nodiscard]] bool check_flags(const Frame& frame, Version version) {
    if (frame.flags() == reserved_flags(frame.type()) || version == Version::v3_1) return true;
    return fail_header("reserved flags set");
  }

  [[nodiscard]] bool u8(uint8_t& value) {
    start_field();
    value = reader_.u8();
    return reader_.ok() || cut_short();
  }

  [[nodiscard]] bool u16(uint16_t& value) {
    start_field();
    value = reader_.u16();
    return reader_.ok() || cut_short();
  }

  /// Two bytes of length and as many bytes as they say.
  [[nodiscard]] bool binary(Bytes& value) {
    start_field();
    value = reader_.bytes(reader_.u16());
    return reader_.ok() || cut_short();
  }

  /// The same, without a look at the characters.
  [[nodiscard]] bool raw_text(std::string_view& text) {
    Bytes value;
    if (!binary(value)) return false;
    text = as_text(value);
    return true;
  }

  /// A text that is valid UTF-8; `why_not` says that it is not.
  [[nodiscard]] bool text(std::string_view& text, std::string_view why_not);
  /// A topic name: valid UTF-8, no wildcards, not too many levels. May be empty.
  [[nodiscard]] bool topic(std::string_view& topic);

  /// A Packet Identifier, which is never 0 [MQTT-2.2.1-3].
  [[nodiscard]] bool packet_id(PacketId& id) {
    uint16_t value = 0;
    if (!u16(value)) return false;
    id = PacketId(value);
    return value != 0 || fail(Reason::protocol_error, "packet identifier 0");
  }

  /// A Reason Code that may stand in this packet.
  [[nodiscard]] bool reason(Reason& reason, ReasonPlace place);
  /// May the code read last stand there?
  [[nodiscard]] bool check_reason(Reason reason, ReasonPlace place);
  /// Property Length and properties, checked.
  [[nodiscard]] bool properties(PropertyPlace place, Properties& properties);

  /// All that is left, as one field.
  [[nodiscard]] Bytes rest() {
    start_field();
    return reader_.rest();
  }

  [[nodiscard]] size_t remaining() const { return reader_.remaining(); }

  /// Must be asked behind the last field: false when bytes are left.
  [[nodiscard]] bool at_end() {
    start_field();
    return reader_.remaining() == 0 ||
           fail(Reason::malformed_packet, "bytes behind the last field");
  }

  /// Refuses the field read last. Always false, to be returned.
  bool fail(Reason reason, std::string_view why) { return fail_at(field_, reason, why); }

  /// Refuses the first byte of the packet.
  bool fail_header(std::string_view why) { return fail_at(0, Reason::malformed_packet, why); }

  [[gnu::cold]] bool fail_at(uint32_t offset, Reason reason, std::string_view why);

  /// Offset in the packet of the field read last.
  [[nodiscard]] uint32_t field() const { return field_; }

 private:
  void start_field() { field_ = header_size_ + static_cast<uint32_t>(reader_.position()); }

  [[gnu::cold]] bool cut_short();

  ByteReader reader_;
  uint32_t header_size_;
  uint32_t field_ = 0;
  Malformed& error_;
};

}  // namespace tombo::mqtt
