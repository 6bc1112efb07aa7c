#include "base/bytes.h"

#include <gtest/gtest.h>

namespace tombo {
namespace {

TEST(ByteReader, reads_big_endian_numbers) {
  const uint8_t raw[] = {0x01, 0x02, 0x03, 0xff, 0x00, 0x00, 0x07};
  ByteReader reader(raw);
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16(), 0x0203);
  EXPECT_EQ(reader.u32(), 0xff000007u);
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_TRUE(reader.ok());
}

TEST(ByteReader, returns_slices_of_the_buffer) {
  const Bytes raw = as_bytes("headbody");
  ByteReader reader(raw);
  EXPECT_EQ(as_text(reader.bytes(4)), "head");
  EXPECT_EQ(reader.position(), 4u);
  EXPECT_EQ(reader.rest().data(), raw.data() + 4);
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(ByteReader, skips) {
  ByteReader reader(as_bytes("abc"));
  reader.skip(2);
  EXPECT_EQ(reader.u8(), 'c');
  EXPECT_TRUE(reader.ok());
}

TEST(ByteReader, reads_nothing_at_the_end_without_failing) {
  ByteReader reader{Bytes()};
  EXPECT_TRUE(reader.bytes(0).empty());
  EXPECT_TRUE(reader.rest().empty());
  reader.skip(0);
  EXPECT_TRUE(reader.ok());
}

TEST(ByteReader, fails_for_good_when_it_reads_past_the_end) {
  const uint8_t raw[] = {1, 2, 3};
  ByteReader reader(raw);
  EXPECT_EQ(reader.u8(), 1);
  EXPECT_EQ(reader.u32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_EQ(reader.position(), 1u);
}

TEST(ByteReader, refuses_each_kind_of_read_past_the_end) {
  const auto fails = [](auto read) {
    const uint8_t raw[] = {9};
    ByteReader reader(raw);
    reader.skip(1);
    read(reader);
    return !reader.ok();
  };
  EXPECT_TRUE(fails([](ByteReader& r) { EXPECT_EQ(r.u8(), 0); }));
  EXPECT_TRUE(fails([](ByteReader& r) { EXPECT_EQ(r.u16(), 0); }));
  EXPECT_TRUE(fails([](ByteReader& r) { EXPECT_EQ(r.u32(), 0u); }));
  EXPECT_TRUE(fails([](ByteReader& r) { EXPECT_TRUE(r.bytes(1).empty()); }));
  EXPECT_TRUE(fails([](ByteReader& r) { r.skip(SIZE_MAX); }));
}

TEST(ByteWriter, writes_what_the_reader_reads) {
  std::vector<uint8_t> out = {0xaa};
  ByteWriter writer(out);
  writer.u8(1);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.text("hi");
  writer.bytes(as_bytes("!"));
  EXPECT_EQ(hex(out), "aa01020304050607686921");
}

TEST(Hex, is_lower_case_and_empty_for_nothing) {
  const uint8_t raw[] = {0xca, 0xfe, 0x00};
  EXPECT_EQ(hex(raw), "cafe00");
  EXPECT_EQ(hex({}), "");
}

}  // namespace
}  // namespace tombo
