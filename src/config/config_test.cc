#include "config/config.h"

#include <cstdint>
#include <initializer_list>

#include <gtest/gtest.h>

namespace tombo::config {
namespace {

Config with_listener() {
  Config config = default_config(Compatibility::v2_1);
  config.local_only = false;
  config.listeners = {default_listener(Compatibility::v2_1, 1883)};
  return config;
}

TEST(Config, has_the_defaults_of_its_generation) {
  const Config old = default_config(Compatibility::v2_0);
  const Config recent = default_config(Compatibility::v2_1);

  EXPECT_EQ(old.max_packet_size, 0u);
  EXPECT_EQ(recent.max_packet_size, 2000000u);
  EXPECT_FALSE(old.allow_duplicate_messages);
  EXPECT_TRUE(recent.allow_duplicate_messages);
  EXPECT_EQ(old.listeners.at(0).max_topic_alias_broker, 0);
  EXPECT_EQ(recent.listeners.at(0).max_topic_alias_broker, 10);
}

TEST(Config, listens_on_loopback_alone_without_settings) {
  const Config config = default_config(Compatibility::v2_1);
  ASSERT_EQ(config.listeners.size(), 2u);
  EXPECT_TRUE(config.local_only);
  EXPECT_EQ(config.listeners[0].host, "127.0.0.1");
  EXPECT_EQ(config.listeners[1].host, "::1");
  EXPECT_EQ(config.listeners[1].port, 1883);
}

TEST(Config, refuses_anonymous_clients_at_a_listener_unless_allowed) {
  Config config = with_listener();
  EXPECT_FALSE(config.anonymous_allowed(config.listeners[0]));
  config.allow_anonymous = true;
  EXPECT_TRUE(config.anonymous_allowed(config.listeners[0]));
  config.listeners[0].listener_allow_anonymous = false;
  EXPECT_FALSE(config.anonymous_allowed(config.listeners[0]));
}

TEST(Config, allows_anonymous_clients_in_local_only_mode_unless_refused) {
  Config config = default_config(Compatibility::v2_1);
  EXPECT_TRUE(config.anonymous_allowed(config.listeners[0]));
  config.allow_anonymous = false;
  EXPECT_FALSE(config.anonymous_allowed(config.listeners[0]));
}

TEST(Config, asks_the_listener_alone_with_per_listener_settings) {
  Config config = with_listener();
  config.per_listener_settings = true;
  config.allow_anonymous = true;
  config.auto_id_prefix = "global-";
  config.allow_zero_length_clientid = false;
  const ListenerConfig& listener = config.listeners[0];

  EXPECT_FALSE(config.anonymous_allowed(listener));
  EXPECT_TRUE(config.zero_length_clientid_allowed(listener));
  EXPECT_EQ(config.auto_id_prefix_for(listener), "auto-");

  config.listeners[0].allow_anonymous = true;
  config.listeners[0].allow_zero_length_clientid = false;
  config.listeners[0].auto_id_prefix = "mine-";
  EXPECT_TRUE(config.anonymous_allowed(listener));
  EXPECT_FALSE(config.zero_length_clientid_allowed(listener));
  EXPECT_EQ(config.auto_id_prefix_for(listener), "mine-");
}

TEST(Config, leaves_the_default_listener_open_with_per_listener_settings_in_2_0_only) {
  for (const bool is_v2_0 : {true, false}) {
    Config config = with_listener();
    config.compatibility = is_v2_0 ? Compatibility::v2_0 : Compatibility::v2_1;
    config.per_listener_settings = true;
    config.listeners[0].is_default = true;
    EXPECT_EQ(config.anonymous_allowed(config.listeners[0]), is_v2_0);
    config.listeners[0].allow_anonymous = false;
    EXPECT_FALSE(config.anonymous_allowed(config.listeners[0]));
  }
}

TEST(Config, prefers_the_client_id_prefix_of_the_listener) {
  Config config = with_listener();
  config.auto_id_prefix = "global-";
  EXPECT_EQ(config.auto_id_prefix_for(config.listeners[0]), "global-");
  config.listeners[0].listener_auto_id_prefix = "mine-";
  EXPECT_EQ(config.auto_id_prefix_for(config.listeners[0]), "mine-");
}

TEST(Config, announces_65535_for_an_unlimited_window) {
  Config config = with_listener();
  EXPECT_EQ(config.receive_maximum(), 20);
  config.max_inflight_messages = 0;
  EXPECT_EQ(config.receive_maximum(), 65535);
}

TEST(ListenerConfig, accepts_the_chosen_protocol_levels) {
  ListenerConfig listener;
  for (const uint8_t level : std::initializer_list<uint8_t>{3, 4, 5})
    EXPECT_TRUE(listener.accepts_protocol_level(level));
  listener.accept_protocol_versions = kAcceptV31 | kAcceptV5;
  EXPECT_TRUE(listener.accepts_protocol_level(3));
  EXPECT_FALSE(listener.accepts_protocol_level(4));
  EXPECT_TRUE(listener.accepts_protocol_level(5));
  for (const uint8_t level : std::initializer_list<uint8_t>{0, 2, 6, 255})
    EXPECT_FALSE(listener.accepts_protocol_level(level));
}

}  // namespace
}  // namespace tombo::config
