#include "mqtt/encode.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "mqtt/test_vectors.h"

namespace tombo::mqtt {

namespace {

TEST(Encode, gives_the_bytes_of_every_vector) {
  for (const Vector& vector : vectors()) {
    const Buffer bytes = from_hex(vector.hex);
    Buffer out;
    Malformed error;
    ASSERT_TRUE(recode(whole_frame(bytes), vector.version, vector.sender, out, error))
        << vector.hex << " " << error.why;
    if (vector.shortest) {
      EXPECT_EQ(hex(out), hex(bytes)) << vector.text;
    }
  }
}

TEST(Encode, shortens_what_came_in_a_longer_form) {
  for (const Vector& vector : vectors()) {
    if (vector.shortest) continue;
    Buffer once;
    Buffer twice;
    Malformed error;
    const Buffer bytes = from_hex(vector.hex);
    ASSERT_TRUE(recode(whole_frame(bytes), vector.version, vector.sender, once, error));
    EXPECT_NE(once, bytes) << vector.hex;
    ASSERT_TRUE(recode(whole_frame(once), vector.version, vector.sender, twice, error));
    EXPECT_EQ(hex(once), hex(twice)) << vector.hex;
  }
}

TEST(Encode, appends) {
  Buffer out = {1, 2};
  encode_ping(PacketType::pingreq, out);
  encode_ping(PacketType::pingresp, out);
  EXPECT_EQ(hex(out), "0102c000d000");
}

TEST(Encode, writes_a_default_connect_for_its_version) {
  Buffer out;
  encode(Connect{.version = Version::v3_1, .client_id = "c"}, out);
  EXPECT_EQ(hex(out), "100f00064d514973647003000000000163");
  out.clear();
  encode(Connect{.version = Version::v5, .bridge = true, .client_id = "c"}, out);
  EXPECT_EQ(hex(out), "100e00044d5154548500000000000163");
}

TEST(Encode, translates_connack_reasons_before_mqtt_5) {
  Buffer out;
  encode(Connack{.reason = Reason::banned}, Version::v3_1_1, out);
  EXPECT_EQ(hex(out), "20020005");
}

TEST(Encode, leaves_reasons_and_properties_out_before_mqtt_5) {
  Buffer properties;
  PropertyWriter(properties).pair("k", "v");
  Buffer out;
  encode(Acknowledgement{.type = PacketType::pubrel,
                         .packet_id = PacketId(1),
                         .reason = Reason::packet_identifier_not_found,
                         .properties = Properties(properties)},
         Version::v3_1_1, out);
  encode(Disconnect{.reason = Reason::server_busy, .properties = Properties(properties)},
         Version::v3_1_1, out);
  EXPECT_EQ(hex(out), "62020001e000");
}

TEST(Encode, needs_no_more_than_four_bytes_for_the_length) {
  const Buffer payload(2'097'152, 'x');
  Buffer out;
  encode(Publish{.topic = "a", .payload = payload}, Version::v3_1_1, out);
  EXPECT_EQ(hex(Bytes(out).first(5)), "3083808001");
  EXPECT_EQ(out.size(), payload.size() + 3 + 5);
}

}  // namespace

}  // namespace tombo::mqtt
