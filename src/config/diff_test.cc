#include "config/diff.h"

#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "config/files_in_memory.h"
#include "config/options.h"
#include "config/parser.h"

namespace tombo::config {
namespace {

Config config_of(const std::string& text) {
  FilesInMemory files({{"t.conf", text}});
  const Result<ParseOutcome> outcome = parse_file(files, "t.conf", {});
  EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().text);
  return outcome ? outcome->config : Config{};
}

Reloaded reload_texts(const std::string& before, const std::string& after) {
  return reload(config_of(before), config_of(after));
}

TEST(Reload, of_the_same_files_changes_nothing) {
  const std::string text = "listener 1884\nmax_qos 1\nlistener 1885\nmax_keepalive 5\n";
  const Reloaded result = reload_texts(text, text);
  EXPECT_TRUE(result.changes.empty());
  EXPECT_EQ(result.config, config_of(text));
}

// Those that Mosquitto documents as reloaded but leaves as they were are among them.
TEST(Reload, applies_every_option_of_the_broker_that_is_documented_so) {
  const std::string_view lines[] = {
      "acl_file /a",
      "allow_anonymous true",
      "allow_duplicate_messages false",
      "allow_zero_length_clientid false",
      "auto_id_prefix x",
      "check_retain_source true",
      "clientid_prefixes x",
      "compatibility 2.0\nmax_packet_size 2000000\nallow_duplicate_messages true",
      "connection_messages false",
      "global_max_clients 1",
      "global_max_connections 1",
      "log_dest stdout",
      "log_dest file /a",
      "log_facility 1",
      "log_timestamp false",
      "log_timestamp_format %F",
      "log_type all",
      "max_inflight_bytes 1",
      "max_inflight_messages 1",
      "max_keepalive 1",
      "max_packet_size 100",
      "max_queued_bytes 1",
      "max_queued_messages 1",
      "memory_limit 1",
      "message_size_limit 1",
      "mosquitto_export false",
      "password_file /a",
      "per_listener_settings true",
      "persistent_client_expiration 1d",
      "psk_file /a",
      "queue_qos0_messages true",
      "retain_available false",
      "retain_expiry_interval 1",
      "scram_file /a",
      "set_tcp_nodelay false",
      "sys_interval 1",
      "upgrade_outgoing_qos true",
  };
  for (const std::string_view line : lines) {
    const std::string after = "listener 1884\nmax_topic_alias_broker 10\n" + std::string(line);
    const std::string name(line.substr(0, line.find(' ')));
    const Reloaded result = reload_texts("listener 1884\n", after);
    EXPECT_EQ(result.config, config_of(after)) << line;
    ASSERT_EQ(result.changes.size(), 1u) << line;
    EXPECT_EQ(result.changes[0], (Change{Change::Kind::option, name, "", false}));
    EXPECT_EQ(result.changes[0].text(), name + " has changed.");
  }
}

TEST(Reload, applies_the_options_for_a_proxy) {
  const std::string before = "listener 1884\nenable_proxy_protocol 1\n";
  const std::string after =
      "listener 1884\nenable_proxy_protocol 2\nproxy_protocol_v2_require_tls true\n";
  const Reloaded result = reload_texts(before, after);
  EXPECT_EQ(result.config, config_of(after));
  for (const Change& change : result.changes) EXPECT_FALSE(change.needs_restart) << change.text();
}

TEST(Reload, applies_every_option_of_a_listener_that_does_not_open_sockets) {
  const std::string_view lines[] = {
      "accept_protocol_versions 5",
      "listener_allow_anonymous true",
      "listener_auto_id_prefix x",
      "max_connections 1",
      "max_qos 1",
      "max_topic_alias 1",
      "max_topic_alias_broker 1",
      "mount_point a/",
      "use_username_as_clientid true",
      "certfile /b",
      "keyfile /b",
      "cafile /b",
      "capath /b",
      "crlfile /b",
      "ciphers b",
      "ciphers_tls1.3 b",
      "dhparamfile /b",
      "tls_version tlsv1.3",
      "require_certificate true",
      "use_identity_as_username true",
      "use_subject_as_username true",
      "disable_client_cert_date_checks true",
      "ocsp_file /b",
      "tls_engine b",
      "websockets_origin http://a",
  };
  for (const std::string_view line : lines) {
    const std::string before =
        "listener 1884\nlistener 1885 ::1\ncertfile /a\nkeyfile /a\ncafile /a\n";
    const std::string after = before + std::string(line);
    const std::string name(line.substr(0, line.find(' ')));
    const Reloaded result = reload_texts(before, after);
    EXPECT_EQ(result.config, config_of(after)) << line;
    ASSERT_EQ(result.changes.size(), 1u) << line;
    EXPECT_EQ(result.changes[0].text(), name + " of the listener on port 1885 of ::1 has changed.");
    EXPECT_FALSE(result.changes[0].needs_restart) << line;
  }
}

TEST(Reload, applies_security_options_of_a_listener) {
  const std::string before = "per_listener_settings true\nlistener 1884\n";
  const Reloaded result =
      reload_texts(before, before +
                               "allow_anonymous true\nauto_id_prefix x\nallow_zero_length_clientid "
                               "false\nacl_file /a\npassword_file /b\n");
  EXPECT_EQ(result.changes.size(), 5u);
  EXPECT_EQ(result.config.acl_file_for(result.config.listeners[0]), "/a");
  EXPECT_EQ(result.config.password_file_for(result.config.listeners[0]), "/b");
  EXPECT_TRUE(result.config.anonymous_allowed(result.config.listeners[0]));
  EXPECT_EQ(result.config.auto_id_prefix_for(result.config.listeners[0]), "x");
}

TEST(Reload, keeps_what_needs_a_restart) {
  for (const std::string_view line : {"pid_file /a", "threads 2", "user root"}) {
    const std::string name(line.substr(0, line.find(' ')));
    const Reloaded result = reload_texts("", std::string(line));
    EXPECT_EQ(result.config, config_of("")) << line;
    ASSERT_EQ(result.changes.size(), 1u) << line;
    EXPECT_TRUE(result.changes[0].needs_restart) << line;
    EXPECT_EQ(result.changes[0].text(), "Warning: The new value of " + name + " needs a restart.");
  }
}

TEST(Reload, keeps_the_order_of_listeners_when_the_file_adds_and_removes_some) {
  const Reloaded result = reload_texts("listener 1884\nlistener 1885 127.0.0.1\n",
                                       "listener 1886\nlistener 1884\nmax_qos 0\n");
  ASSERT_EQ(result.config.listeners.size(), 3u);
  EXPECT_EQ(result.config.listeners[0].port, 1884);
  EXPECT_EQ(result.config.listeners[0].max_qos, 0);
  EXPECT_FALSE(result.config.listeners[0].closed);
  EXPECT_EQ(result.config.listeners[1].port, 1885);
  EXPECT_TRUE(result.config.listeners[1].closed);
  EXPECT_EQ(result.config.listeners[2].port, 1886);
  EXPECT_FALSE(result.config.listeners[2].closed);
  ASSERT_EQ(result.changes.size(), 3u);
  EXPECT_EQ(result.changes[0].option, "max_qos");
  EXPECT_EQ(result.changes[1].text(),
            "The listener on port 1885 of 127.0.0.1 is closed; its clients stay connected.");
  EXPECT_EQ(result.changes[2].text(), "The listener on port 1886 is new.");
  for (const Change& change : result.changes) EXPECT_FALSE(change.needs_restart);
}

TEST(Reload, says_once_that_a_listener_is_closed_and_keeps_its_settings) {
  const Config before = config_of("listener 1884\nlistener 1885\nmax_qos 1\n");
  const Config after = config_of("listener 1884\n");
  const Config closed = reload(before, after).config;
  const Reloaded again = reload(closed, after);
  EXPECT_TRUE(again.changes.empty());
  EXPECT_EQ(again.config, closed);
  EXPECT_EQ(again.config.listeners[1].max_qos, 1);
}

TEST(Reload, opens_a_listener_that_comes_back_in_its_old_place_with_its_new_settings) {
  const Config before = config_of("listener 1884\nlistener 1885\nmax_qos 1\n");
  const Config closed = reload(before, config_of("listener 1884\n")).config;
  const Reloaded back = reload(closed, config_of("listener 1885\nmax_qos 0\nlistener 1884\n"));
  ASSERT_EQ(back.config.listeners.size(), 2u);
  EXPECT_FALSE(back.config.listeners[1].closed);
  EXPECT_EQ(back.config.listeners[1].max_qos, 0);
  ASSERT_EQ(back.changes.size(), 1u);
  EXPECT_EQ(back.changes[0].text(), "The listener on port 1885 is new.");
}

TEST(Reload, takes_no_more_listeners_than_there_are_places_for) {
  Config running = config_of("listener 1\n");
  for (uint16_t port = 2; port <= kListenersMax; ++port) {
    running = reload(running, config_of(fmt::format("listener {}\n", port))).config;
  }
  EXPECT_EQ(running.listeners.size(), kListenersMax);
  const Reloaded beyond = reload(running, config_of("listener 1\nlistener 1884\n"));
  EXPECT_EQ(beyond.config.listeners.size(), kListenersMax);
  EXPECT_FALSE(beyond.config.listeners[0].closed);
  ASSERT_EQ(beyond.changes.size(), 3u);  // One is back, one is closed, one does not fit.
  EXPECT_TRUE(beyond.changes[2].needs_restart);
  EXPECT_EQ(beyond.changes[2].text(),
            "Warning: The new listener on port 1884 needs a restart: 1000 have come and gone since "
            "the start.");
}

TEST(Reload, treats_a_listener_with_another_socket_as_another_listener) {
  for (const std::string_view line :
       {"socket_domain ipv4", "bind_interface lo", "certfile /a\nkeyfile /a"}) {
    const std::string after = "listener 1884\nmax_qos 0\n" + std::string(line);
    const Reloaded result = reload_texts("listener 1884\n", after);
    ASSERT_EQ(result.config.listeners.size(), 2u) << line;
    EXPECT_TRUE(result.config.listeners[0].closed) << line;
    EXPECT_EQ(result.config.listeners[1], config_of(after).listeners[0]) << line;
    EXPECT_EQ(result.changes.size(), 2u) << line;
  }
}

TEST(Reload, lets_anonymous_clients_in_without_a_listener_in_the_file_from_this_machine_only) {
  const Reloaded emptied = reload_texts("listener 1884\n", "");
  EXPECT_TRUE(emptied.config.listeners.at(0).closed);
  EXPECT_EQ(emptied.config.listeners.at(1).host, "127.0.0.1");
  EXPECT_TRUE(emptied.config.anonymous_allowed(emptied.config.listeners.at(1)));
  const Reloaded filled = reload_texts("", "listener 1884\n");
  EXPECT_FALSE(filled.config.anonymous_allowed(filled.config.listeners.at(2)));
}

TEST(Reload, can_compare_every_option_that_has_an_effect) {
  for (const Option& option : options()) {
    if (option.status == Status::later || option.status == Status::no_effect) continue;
    if (option.name == "include_dir") continue;
    // Other names.
    if (option.name == "maximum_qos" || option.name == "websockets_headers_size") continue;
    if (option.name.ends_with("persistence")) continue;
    // These three are the identity of a listener.
    if (option.name == "listener" || option.name == "port" || option.name == "bind_address")
      continue;
    EXPECT_TRUE(option.behaviour.same != nullptr || option.behaviour.same_listener != nullptr)
        << option.name;
    EXPECT_EQ(option.behaviour.same == nullptr, option.behaviour.copy == nullptr) << option.name;
  }
}

}  // namespace
}  // namespace tombo::config
