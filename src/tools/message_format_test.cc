#include "tools/message_format.h"

#include <cstdlib>
#include <cstring>

#include <gtest/gtest.h>

namespace tombo::tools {
namespace {

using client::PropertyId;

class MessageFormatTest : public ::testing::Test {
 protected:
  MessageFormatTest() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }

  std::string print(std::string_view format, bool is_v2_0 = false) {
    const Result<MessageFormat> parsed = MessageFormat::parse(format, is_v2_0);
    EXPECT_TRUE(parsed) << parsed.error().text;
    MessageFormat::Printed printed = parsed->print(message, at);
    problem = printed.problem;
    return printed.text;
  }

  client::Received message{.topic = "ok/r", .payload = "retained", .retain = true};
  timespec at{1'480'000'000, 123'456'789};
  std::string problem;
};

TEST_F(MessageFormatTest, prints_fields_with_width_and_precision) {
  EXPECT_EQ(print("%t %p %q %r %m %l"), "ok/r retained 0 1 0 8");
  EXPECT_EQ(print("%20p|"), "            retained|");
  EXPECT_EQ(print("%-20p|"), "retained            |");
  EXPECT_EQ(print("%3p"), "ret");
  EXPECT_EQ(print("%020l"), "00000000000000000008");
  EXPECT_EQ(print("%.3t"), "ok/");
  EXPECT_EQ(print("%10t|"), "      ok/r|");
  EXPECT_EQ(print("%%a"), "%a");
}

TEST_F(MessageFormatTest, prints_payloads_as_digits_and_numbers) {
  EXPECT_EQ(print("%x"), "72657461696e6564");
  EXPECT_EQ(print("%X"), "72657461696E6564");
  EXPECT_EQ(print("%.4x"), "7265 7461 696e 6564");
  EXPECT_EQ(print("%.2:X"), "72:65:74:61:69:6E:65:64");
  const double value = 1.5;
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  message.payload = std::string_view(bytes, sizeof bytes);
  EXPECT_EQ(print("%d %.1d %010.2d"), "1.500000 1.5 0000001.50");
  EXPECT_EQ(print("[%f]"), "[]") << "it has not the size of one";
}

TEST_F(MessageFormatTest, prints_properties_and_pads_what_is_not_there) {
  EXPECT_EQ(print("[%A%C%D%E%F%P%R%S]"), "[]");
  EXPECT_EQ(print("[%3A][%-2C]"), "[   ][  ]");
  message.properties.add(PropertyId::topic_alias, 7)
      .add(PropertyId::content_type, "text/plain")
      .add(PropertyId::correlation_data, "id")
      .add(PropertyId::message_expiry_interval, 60)
      .add(PropertyId::payload_format_indicator, 1)
      .add(PropertyId::response_topic, "answer")
      .add(PropertyId::subscription_identifier, 9)
      .add_user_property("a", "1")
      .add_user_property("b", "2");
  EXPECT_EQ(print("%A %C %D %E %F %P %R %S"), "7 text/plain id 60 1 a:1 b:2 answer 9");
  EXPECT_EQ(print("%03A %.4C"), "007 text");
}

TEST_F(MessageFormatTest, prints_the_time) {
  EXPECT_EQ(print("%U"), "1480000000.123456789");
  EXPECT_EQ(print("%I"), "2016-11-24T15:06:40+0000");
  EXPECT_EQ(print("@Y-@m-@d @@ @N"), "2016-11-24 @ 123456789");
}

TEST_F(MessageFormatTest, knows_escapes) {
  EXPECT_EQ(print(R"(a\\\n\t\r\a\e\v)"), "a\\\n\t\r\a\x1b\v");
  EXPECT_EQ(print(R"(a\0b)"), std::string("a\0b", 3));
}

TEST_F(MessageFormatTest, says_what_is_wrong_with_a_format) {
  EXPECT_EQ(MessageFormat::parse("%z", false).error().text, "Invalid format specifier 'z'.");
  EXPECT_EQ(MessageFormat::parse("\\z", false).error().text, "Invalid escape specifier 'z'.");
  for (const char* cut : {"a%", "%-3", "%.", "@", "\\"}) {
    EXPECT_EQ(MessageFormat::parse(cut, false).error().text, "Incomplete format specifier.") << cut;
  }
}

TEST_F(MessageFormatTest, prints_json) {
  message.qos = client::Qos::at_least_once;
  message.packet_id = 5;
  message.payload = "a\"b";
  message.properties.add_user_property("k", "v").add(PropertyId::content_type, "c");
  EXPECT_EQ(print("%j"),
            R"({"tst":"2016-11-24T15:06:40.123456+0000","topic":"ok/r","qos":1,"retain":true,)"
            R"("payloadlen":3,"mid":5,"properties":{"content-type":"c",)"
            R"("user-properties":[{"k":"v"}]},"payload":"a\"b"})");
  EXPECT_NE(print("%j", true).find(R"("retain":1,)"), std::string::npos);
  EXPECT_NE(print("%j", true).find(R"("user-properties":{"k":"v"})"), std::string::npos);
}

TEST_F(MessageFormatTest, embeds_payloads_that_are_json) {
  message.payload = R"({"a": [1, 2]})";
  EXPECT_NE(print("%J").find(R"("payload":{"a":[1,2]})"), std::string::npos);
  message.payload = "no json";
  EXPECT_EQ(print("%J"), "");
  EXPECT_EQ(problem, "Error: Message payload is not valid JSON on topic ok/r.\n");
  message.payload = "";
  EXPECT_NE(print("%J").find(R"("payload":null)"), std::string::npos);
}

}  // namespace
}  // namespace tombo::tools
