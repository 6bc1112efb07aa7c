#include "mqtt/reason.h"

#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace tombo::mqtt {

namespace {

constexpr ReasonPlace kPlaces[] = {
    ReasonPlace::puback,
    ReasonPlace::pubrec,
    ReasonPlace::pubrel,
    ReasonPlace::pubcomp,
    ReasonPlace::disconnect_by_client,
    ReasonPlace::disconnect_by_server,
    ReasonPlace::auth,
    ReasonPlace::suback,
    ReasonPlace::unsuback,
    ReasonPlace::connack,
};

TEST(Reason, has_a_name_of_its_own_if_it_is_known) {
  std::set<std::string_view> names;
  for (uint32_t code = 0; code < 256; ++code) {
    const auto reason = static_cast<Reason>(code);
    EXPECT_EQ(is_known(reason), name(reason) != "unknown reason") << code;
    if (is_known(reason)) {
      EXPECT_TRUE(names.insert(name(reason)).second) << code;
    }
  }
  EXPECT_EQ(names.size(), 43);
}

TEST(Reason, is_allowed_somewhere_only_if_it_is_known) {
  for (uint32_t code = 0; code < 256; ++code) {
    const auto reason = static_cast<Reason>(code);
    bool anywhere = false;
    for (const ReasonPlace place : kPlaces) anywhere = anywhere || allowed(reason, place);
    EXPECT_EQ(anywhere, is_known(reason)) << code;
  }
}

TEST(Reason, success_is_allowed_everywhere) {
  for (const ReasonPlace place : kPlaces) EXPECT_TRUE(allowed(Reason::success, place));
}

TEST(Reason, distinguishes_the_sides_of_a_disconnect) {
  EXPECT_TRUE(allowed(Reason::disconnect_with_will, ReasonPlace::disconnect_by_client));
  EXPECT_FALSE(allowed(Reason::disconnect_with_will, ReasonPlace::disconnect_by_server));
  EXPECT_TRUE(allowed(Reason::session_taken_over, ReasonPlace::disconnect_by_server));
  EXPECT_FALSE(allowed(Reason::session_taken_over, ReasonPlace::disconnect_by_client));
}

TEST(Reason, has_a_return_code_of_mqtt_3) {
  EXPECT_EQ(connack_v3(Reason::success), 0);
  EXPECT_EQ(connack_v3(Reason::unsupported_protocol_version), 1);
  EXPECT_EQ(connack_v3(Reason::client_identifier_not_valid), 2);
  EXPECT_EQ(connack_v3(Reason::server_busy), 3);
  EXPECT_EQ(connack_v3(Reason::bad_user_name_or_password), 4);
  EXPECT_EQ(connack_v3(Reason::not_authorized), 5);
  EXPECT_EQ(connack_v3(Reason::banned), 5);
}

}  // namespace

}  // namespace tombo::mqtt
