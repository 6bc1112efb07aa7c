#include "mqtt/describe.h"

#include <gtest/gtest.h>

#include "mqtt/test_vectors.h"

namespace tombo::mqtt {

namespace {

std::string describe_hex(std::string_view hex, Version version = Version::v5) {
  const Buffer bytes = from_hex(hex);
  return describe(whole_frame(bytes), version, true);
}

TEST(Describe, shows_what_is_wrong_and_the_bytes) {
  EXPECT_EQ(
      describe_hex("32 06 00 01 61 00 00 00"),
      "PUBLISH refused with 0x82 protocol error: packet identifier 0 at byte 5, first byte 32, "
      "body 000161000000");
  EXPECT_EQ(describe_hex("00 00"),
            "RESERVED refused with 0x81 malformed packet: packet type 0 at byte 0, first byte 00, "
            "body ");
}

TEST(Describe, knows_who_disconnects) {
  const Buffer bytes = from_hex("e0 01 04");
  EXPECT_EQ(describe(whole_frame(bytes), Version::v5, true),
            "DISCONNECT rc=0x04 disconnect with will message");
  EXPECT_EQ(describe(whole_frame(bytes), Version::v5, false),
            "DISCONNECT refused with 0x82 protocol error: reason code not allowed here at byte 2, "
            "first byte E0, body 04");
}

TEST(Quoted, escapes_what_would_break_the_line) {
  EXPECT_EQ(quoted("a\"\\\n\x7F", false), R"("a\x22\x5C\x0A\x7F")");
  EXPECT_EQ(quoted("\xC3\xA9", false), "\"\xC3\xA9\"");
  EXPECT_EQ(quoted("\xC3\xA9\xFF", false), R"("\xC3\xA9\xFF")");
}

TEST(Quoted, is_cut_only_when_asked) {
  const std::string text(65, 'a');
  EXPECT_EQ(quoted(text, false), "\"" + text + "\"");
  EXPECT_EQ(quoted(text, true), "\"" + std::string(64, 'a') + "\"...(65 bytes)");
  EXPECT_EQ(quoted(std::string(64, 'a'), true), "\"" + std::string(64, 'a') + "\"");
}

}  // namespace

}  // namespace tombo::mqtt
