#include "mqtt/frame.h"

#include <gtest/gtest.h>

#include "mqtt/test_vectors.h"

namespace tombo::mqtt {

namespace {

/// Owns its bytes: the frame inside is not looked at.
Cut cut_hex(std::string_view hex, uint32_t packet_size_max = 0) {
  const Buffer bytes = from_hex(hex);
  return cut_frame(bytes, packet_size_max);
}

TEST(Frame, is_cut_off_the_front) {
  const Buffer bytes = from_hex("32 03 61 62 63 c0 00");
  const Cut cut = cut_frame(bytes, 0);
  ASSERT_EQ(cut.status, CutStatus::complete);
  EXPECT_EQ(cut.frame.type(), PacketType::publish);
  EXPECT_EQ(cut.frame.flags(), 2);
  EXPECT_EQ(as_text(cut.frame.body), "abc");
  EXPECT_EQ(cut.frame.size(), 5);
  EXPECT_EQ(cut.frame.header_size, 2);
}

TEST(Frame, knows_its_size_once_the_length_is_there) {
  for (const std::string_view hex : {"", "30", "30 80", "30 ff ff", "30 ff ff ff"}) {
    EXPECT_EQ(cut_hex(hex).status, CutStatus::incomplete) << hex;
    EXPECT_EQ(cut_hex(hex).needed, 0) << hex;
  }
  EXPECT_EQ(cut_hex("30 03 61 62").status, CutStatus::incomplete);
  EXPECT_EQ(cut_hex("30 03 61 62").needed, 5);
  EXPECT_EQ(cut_hex("30 80 01").needed, 131);
  EXPECT_EQ(cut_hex("30 ff ff ff 7f").status, CutStatus::incomplete);
  EXPECT_EQ(cut_hex("30 ff ff ff 7f").needed, 5 + kRemainingLengthMax);
}

TEST(Frame, has_a_length_of_four_bytes_in_the_shortest_form) {
  for (const std::string_view hex :
       {"30 ff ff ff 80", "30 ff ff ff ff 01", "30 80 00", "30 81 80 00", "30 80 80 80 00"}) {
    EXPECT_EQ(cut_hex(hex).status, CutStatus::malformed) << hex;
  }
  EXPECT_EQ(cut_hex("30 00").status, CutStatus::complete);
}

TEST(Frame, counts_its_header_against_the_maximum) {
  EXPECT_EQ(cut_hex("30 03 61 62 63", 5).status, CutStatus::complete);
  EXPECT_EQ(cut_hex("30 03 61 62 63", 4).status, CutStatus::too_large);
  EXPECT_EQ(cut_hex("30 03", 4).status, CutStatus::too_large);
  EXPECT_EQ(cut_hex("30 03", 4).needed, 5);
  EXPECT_EQ(cut_hex("30 ff ff ff 7f", 100).status, CutStatus::too_large);
}

}  // namespace

}  // namespace tombo::mqtt
