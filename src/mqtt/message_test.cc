#include "mqtt/message.h"

#include <string>

#include <gtest/gtest.h>

namespace tombo::mqtt {
namespace {

TEST(Message, knows_no_source_unless_it_was_given_one) {
  const auto message = Message::make({.topic = "t", .properties = {}, .payload = as_bytes("p")});
  EXPECT_FALSE(message->source());
  EXPECT_EQ(message->footprint(), sizeof(Message) + 2);
}

TEST(Message, keeps_its_source_behind_the_payload) {
  const std::string long_id(65535, 'i');
  for (const std::string_view client_id : {std::string_view("c"), std::string_view(long_id)}) {
    const auto message = Message::make({.topic = "t",
                                        .properties = {},
                                        .payload = as_bytes("payload"),
                                        .retain = true,
                                        .source = MessageSource{client_id, "user", 300}});
    ASSERT_TRUE(message->source());
    EXPECT_EQ(message->source()->client_id, client_id);
    EXPECT_EQ(message->source()->user_name, "user");
    EXPECT_EQ(message->source()->listener, 300);
    EXPECT_EQ(as_text(message->payload()), "payload");
    EXPECT_TRUE(message->retain());
    EXPECT_EQ(message->footprint(), sizeof(Message) + 8 + 6 + client_id.size() + 4);
  }
}

TEST(Message, takes_a_source_without_a_user_name) {
  const auto message = Message::make(
      {.topic = "t", .properties = {}, .payload = {}, .source = MessageSource{"c", "", 0}});
  EXPECT_EQ(message->source()->client_id, "c");
  EXPECT_EQ(message->source()->user_name, "");
}

}  // namespace
}  // namespace tombo::mqtt
