#include "mqtt/decode.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "mqtt/describe.h"
#include "mqtt/test_vectors.h"

namespace tombo::mqtt {

namespace {

/// The bytes in an allocation of exactly their size, so that AddressSanitizer sees every step
/// beyond them.
class Exact {
 public:
  explicit Exact(const Buffer& bytes)
      : bytes_(std::make_unique<uint8_t[]>(bytes.size())), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }

  [[nodiscard]] Bytes get() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_;
};

TEST(Decode, reads_every_vector_as_its_text_says) {
  for (const Vector& vector : vectors()) {
    const Exact bytes(from_hex(vector.hex));
    const Frame frame = whole_frame(bytes.get());
    EXPECT_EQ(frame.size(), bytes.get().size()) << vector.hex;
    EXPECT_EQ(describe(frame, vector.version, vector.sender == Sender::client), vector.text)
        << vector.hex;
  }
}

TEST(Decode, refuses_every_bad_vector_for_its_reason) {
  for (const BadVector& vector : bad_vectors()) {
    const Exact bytes(from_hex(vector.hex));
    Buffer out;
    Malformed error;
    EXPECT_FALSE(recode(whole_frame(bytes.get()), vector.version, vector.sender, out, error))
        << vector.hex << " " << vector.why;
    EXPECT_EQ(error.reason, vector.reason) << vector.hex << " " << error.why;
    EXPECT_EQ(error.offset, vector.offset) << vector.hex << " " << error.why;
    EXPECT_EQ(error.why, vector.why) << vector.hex;
  }
}

TEST(Decode, refuses_every_prefix_or_reads_it_without_a_step_beyond) {
  for (const Vector& vector : vectors()) {
    const Buffer whole = from_hex(vector.hex);
    const Frame frame = whole_frame(whole);
    for (size_t size = 0; size < frame.body.size(); ++size) {
      const Exact body(Buffer(frame.body.begin(), frame.body.begin() + static_cast<long>(size)));
      Frame cut = frame;
      cut.body = body.get();
      Buffer out;
      Malformed error;
      if (recode(cut, vector.version, vector.sender, out, error)) continue;
      EXPECT_LE(error.offset, cut.size()) << vector.hex;
      EXPECT_FALSE(error.why.empty()) << vector.hex;
    }
  }
}

TEST(Decode, keeps_what_a_connect_said_before_the_error) {
  const Buffer bytes = from_hex("10 0f 00 04 4d 51 54 54 04 42 00 3c 00 01 63 00 01");
  Connect packet;
  Malformed error;
  EXPECT_FALSE(decode(whole_frame(bytes), packet, error));
  EXPECT_EQ(packet.version, Version::v3_1_1);
  EXPECT_EQ(packet.client_id, "c");
  EXPECT_EQ(packet.keep_alive_s, 60);
}

TEST(Decode, keeps_an_unknown_protocol_level) {
  const Buffer bytes = from_hex("10 0d 00 04 4d 51 54 54 07 02 00 3c 00 01 63");
  Connect packet;
  Malformed error;
  EXPECT_FALSE(decode(whole_frame(bytes), packet, error));
  EXPECT_EQ(packet.protocol_level, 7);
}

/// A packet with one topic or filter of many levels in front of `tail`.
Buffer with_levels(uint8_t first_byte, std::string_view head, uint32_t levels,
                   std::string_view tail) {
  Buffer body = from_hex(head);
  const std::string text(levels - 1, '/');
  body.push_back(static_cast<uint8_t>(text.size() >> 8));
  body.push_back(static_cast<uint8_t>(text.size()));
  body.insert(body.end(), text.begin(), text.end());
  const Buffer end = from_hex(tail);
  body.insert(body.end(), end.begin(), end.end());
  Buffer packet = {first_byte};
  append_variable(packet, static_cast<uint32_t>(body.size()));
  packet.insert(packet.end(), body.begin(), body.end());
  return packet;
}

TEST(Decode, bounds_the_levels_of_topics_and_filters) {
  constexpr uint32_t kMax = kTopicLevelsMax;
  const auto why = [](const Buffer& packet) {
    Buffer out;
    Malformed error;
    if (recode(whole_frame(packet), Version::v3_1_1, Sender::client, out, error))
      return std::string();
    EXPECT_EQ(error.reason, Reason::malformed_packet);
    return std::string(error.why);
  };
  EXPECT_EQ(why(with_levels(0x30, "", kMax, "")), "");
  EXPECT_EQ(why(with_levels(0x30, "", kMax + 1, "")), "topic has too many levels");
  EXPECT_EQ(why(with_levels(0x82, "00 01", kMax, "00")), "");
  EXPECT_EQ(why(with_levels(0x82, "00 01", kMax + 1, "00")), "filter has too many levels");
  EXPECT_EQ(why(with_levels(0xA2, "00 01", kMax, "")), "");
  EXPECT_EQ(why(with_levels(0xA2, "00 01", kMax + 1, "")), "filter has too many levels");
  EXPECT_EQ(why(with_levels(0x30, "", 65536, "")), "topic has too many levels");
}

TEST(Decode, leaves_the_payload_format_to_the_caller) {
  const Buffer bytes = from_hex("30 07 00 01 61 02 01 01 ff");
  Publish packet;
  Malformed error;
  ASSERT_TRUE(decode(whole_frame(bytes), Version::v5, packet, error));
  EXPECT_EQ(packet.properties.number(PropertyId::payload_format_indicator), 1);
}

TEST(Decode, empties_a_publish_that_is_used_again) {
  const Buffer first = from_hex("32 0a 00 01 61 00 05 03 23 00 01 78");
  const Buffer second = from_hex("30 04 00 01 62 00");
  Publish packet;
  Malformed error;
  ASSERT_TRUE(decode(whole_frame(first), Version::v5, packet, error));
  ASSERT_TRUE(decode(whole_frame(second), Version::v5, packet, error));
  EXPECT_EQ(packet.packet_id, PacketId());
  EXPECT_TRUE(packet.properties.empty());
  EXPECT_TRUE(packet.payload.empty());
}

}  // namespace

}  // namespace tombo::mqtt
