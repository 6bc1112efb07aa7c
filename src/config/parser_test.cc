#include "config/parser.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "config/files_in_memory.h"

namespace tombo::config {
namespace {

using FileMap = std::map<std::string, std::string>;

ParseOutcome outcome_of(const FileMap& map, const ParseSettings& settings = {}) {
  FilesInMemory files(map);
  Result<ParseOutcome> outcome = parse_file(files, "t.conf", settings);
  EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().text);
  return outcome ? *outcome : ParseOutcome{};
}

Config config_of(const std::string& text) {
  return outcome_of({{"t.conf", text}}).config;
}

Config old_config_of(const std::string& text) {
  return outcome_of({{"t.conf", text}}, {.compatibility = Compatibility::v2_0}).config;
}

std::vector<Notice> notices_of(const std::string& text) {
  return outcome_of({{"t.conf", text}}).notices;
}

Config after_listener(const std::string& line) {
  return config_of("listener 1884\n" + line);
}

// ---- Grammar ----

TEST(Parser, skips_comments_and_blank_lines) {
  const Config config = config_of("# sys_interval 1\n\n   \n\r\n#\n#\t\nsys_interval 2");
  EXPECT_EQ(config.sys_interval, 2u);
}

TEST(Parser, takes_lines_of_every_operating_system_and_a_last_one_without_end) {
  EXPECT_EQ(config_of("max_keepalive 7\r\nsys_interval 3\r\n").max_keepalive, 7);
  EXPECT_EQ(config_of("max_keepalive 7\r\r\nsys_interval 3").sys_interval, 3u);
}

TEST(Parser, separates_words_by_blanks_only) {
  EXPECT_EQ(config_of("  sys_interval   3   4\n").sys_interval, 3u);
  EXPECT_EQ(config_of("sys_interval \t3\n").sys_interval, 3u);
}

TEST(Parser, gives_text_options_the_rest_of_the_line) {
  EXPECT_EQ(config_of("pid_file \t /a b # c \t\n").pid_file, "/a b # c");
  EXPECT_EQ(config_of("log_timestamp_format %F at %T\n").log.log_timestamp_format, "%F at %T");
  EXPECT_EQ(config_of("log_dest file  /var/log/a b.log \n").log.log_dest_file, "/var/log/a b.log");
}

TEST(Parser, reads_long_values) {
  const std::string path = "/" + std::string(65534, 'x');
  EXPECT_EQ(config_of("pid_file " + path).pid_file, path);
}

TEST(Parser, lets_the_last_of_repeated_numbers_and_booleans_win) {
  const Config config =
      config_of("sys_interval 1\nsys_interval 2\nretain_available 0\nretain_available 1\n");
  EXPECT_EQ(config.sys_interval, 2u);
  EXPECT_TRUE(config.retain_available);
}

TEST(Parser, lets_the_last_user_and_mount_point_win) {
  EXPECT_EQ(config_of("user a\nuser b\n").user, "b");
  EXPECT_EQ(after_listener("mount_point a/\nmount_point b/\n").listeners[0].mount_point, "b/");
}

TEST(Parser, lets_text_repeat_in_another_scope) {
  const Config config = config_of(
      "listener 1884\nlistener_auto_id_prefix a\nlistener 1885\nlistener_auto_id_prefix b\n");
  EXPECT_EQ(config.listeners[0].listener_auto_id_prefix, "a");
  EXPECT_EQ(config.listeners[1].listener_auto_id_prefix, "b");
}

// ---- Values ----

TEST(Parser, reads_the_options_of_the_broker) {
  struct Case {
    std::string line;
    bool (*holds)(const Config&);
  };

  const Case cases[] = {
      {"threads 63", [](const Config& c) { return c.threads == 63; }},
      {"max_inflight_messages 0", [](const Config& c) { return c.receive_maximum() == 65535; }},
      {"max_inflight_messages -1", [](const Config& c) { return c.max_inflight_messages == 0; }},
      {"max_inflight_messages 65535",
       [](const Config& c) { return c.max_inflight_messages == 65535; }},
      {"max_inflight_bytes 5000000000",
       [](const Config& c) { return c.max_inflight_bytes == 5000000000; }},
      {"max_queued_messages 0", [](const Config& c) { return c.max_queued_messages == 0; }},
      {"max_queued_messages 99999999999",
       [](const Config& c) { return c.max_queued_messages == 4294967295; }},
      {"max_queued_bytes 7", [](const Config& c) { return c.max_queued_bytes == 7; }},
      {"queue_qos0_messages true", [](const Config& c) { return c.queue_qos0_messages; }},
      {"upgrade_outgoing_qos 1", [](const Config& c) { return c.upgrade_outgoing_qos; }},
      {"allow_duplicate_messages 0", [](const Config& c) { return !c.allow_duplicate_messages; }},
      {"check_retain_source true", [](const Config& c) { return c.check_retain_source; }},
      {"retain_available false", [](const Config& c) { return !c.retain_available; }},
      {"retain_expiry_interval 5", [](const Config& c) { return c.retain_expiry_interval == 5; }},
      {"retain_expiry_interval 99999999",
       [](const Config& c) { return c.retain_expiry_interval == 10000000; }},
      {"max_packet_size 20", [](const Config& c) { return c.max_packet_size == 20; }},
      {"message_size_limit 268435455",
       [](const Config& c) { return c.message_size_limit == 268435455; }},
      {"memory_limit 9999999999", [](const Config& c) { return c.memory_limit == 9999999999; }},
      {"max_keepalive 65535", [](const Config& c) { return c.max_keepalive == 65535; }},
      {"global_max_clients 3", [](const Config& c) { return c.global_max_clients == 3; }},
      {"global_max_connections 4", [](const Config& c) { return c.global_max_connections == 4; }},
      {"sys_interval 0", [](const Config& c) { return c.sys_interval == 0; }},
      {"set_tcp_nodelay false", [](const Config& c) { return !c.set_tcp_nodelay; }},
      {"connection_messages false", [](const Config& c) { return !c.connection_messages; }},
      {"clientid_prefixes a-", [](const Config& c) { return c.clientid_prefixes == "a-"; }},
      {"auto_id_prefix x", [](const Config& c) { return c.auto_id_prefix == "x"; }},
      {"password_file a b", [](const Config& c) { return c.password_file == "a b"; }},
      {"allow_anonymous false", [](const Config& c) { return c.allow_anonymous == false; }},
      {"allow_zero_length_clientid false",
       [](const Config& c) { return !c.allow_zero_length_clientid; }},
      {"log_facility 5", [](const Config& c) { return c.log.log_facility == 5; }},
      {"log_timestamp false", [](const Config& c) { return !c.log.log_timestamp; }},
      {"pid_file /run/t.pid", [](const Config& c) { return c.pid_file == "/run/t.pid"; }},
      {"user root", [](const Config& c) { return c.user == "root"; }},
  };
  for (const Case& c : cases) {
    EXPECT_TRUE(c.holds(config_of(c.line))) << c.line;
    EXPECT_FALSE(c.holds(config_of(""))) << c.line;
  }
}

TEST(Parser, takes_a_negative_limit_for_none) {
  for (const std::string option :
       {"max_inflight_bytes", "max_queued_bytes", "global_max_clients", "global_max_connections"}) {
    EXPECT_EQ(config_of(option + " -7\n"), config_of("")) << option;
  }
  EXPECT_EQ(config_of("max_queued_messages -7\n").max_queued_messages, 0u);
}

TEST(Parser, reads_durations) {
  struct Case {
    std::string_view value;
    int64_t seconds;
  };

  const Case cases[] = {
      {"5s", 5},
      {"2h", 7200},
      {"14d", 1209600},
      {"1w", 604800},
      {"2m", 2 * 2592000},
      {"1y", 31536000},
      {"99999999999y", 3153600000},
      {"1d x", 86400},
  };
  for (const Case& c : cases) {
    const Config config = config_of("persistent_client_expiration " + std::string(c.value));
    EXPECT_EQ(config.persistent_client_expiration, c.seconds) << c.value;
  }
  EXPECT_EQ(config_of("").persistent_client_expiration, std::nullopt);
}

TEST(Parser, adds_up_log_types) {
  EXPECT_EQ(config_of("").log.log_type, kLogDefault);
  EXPECT_EQ(config_of("log_type debug\n").log.log_type, kLogDebug);
  EXPECT_EQ(config_of("log_type error\nlog_type subscribe\nlog_type unsubscribe\n").log.log_type,
            kLogError | kLogSubscribe | kLogUnsubscribe);
  EXPECT_EQ(config_of("log_type all\n").log.log_type, kLogAll);
  EXPECT_EQ(config_of("log_type all\nlog_type none\nlog_type notice\n").log.log_type, kLogNotice);
  EXPECT_EQ(config_of("log_type websockets\nlog_type internal\nlog_type warning\n").log.log_type,
            kLogWebsockets | kLogInternal | kLogWarning);
  EXPECT_EQ(config_of("log_type information\n").log.log_type, kLogInformation);
}

TEST(Parser, log_types_are_those_of_the_log) {
  EXPECT_EQ(kLogInformation, static_cast<uint32_t>(LogType::info));
  EXPECT_EQ(kLogNotice, static_cast<uint32_t>(LogType::notice));
  EXPECT_EQ(kLogWarning, static_cast<uint32_t>(LogType::warning));
  EXPECT_EQ(kLogError, static_cast<uint32_t>(LogType::error));
  EXPECT_EQ(kLogDebug, static_cast<uint32_t>(LogType::debug));
  EXPECT_EQ(kLogSubscribe, static_cast<uint32_t>(LogType::subscribe));
  EXPECT_EQ(kLogUnsubscribe, static_cast<uint32_t>(LogType::unsubscribe));
  EXPECT_EQ(kLogWebsockets, static_cast<uint32_t>(LogType::websockets));
  EXPECT_EQ(kLogInternal, static_cast<uint32_t>(LogType::internal));
  EXPECT_EQ(kLogAll, static_cast<uint32_t>(LogType::all));
}

TEST(Parser, adds_up_log_destinations) {
  EXPECT_TRUE(config_of("").log.log_dest_stderr);
  const LogConfig all =
      config_of("log_dest stdout\nlog_dest stderr\nlog_dest syslog\nlog_dest topic\n").log;
  EXPECT_TRUE(all.log_dest_stdout && all.log_dest_stderr && all.log_dest_syslog &&
              all.log_dest_topic);
  const LogConfig file = config_of("log_dest file /a\n").log;
  EXPECT_EQ(file.log_dest_file, "/a");
  EXPECT_FALSE(file.log_dest_stderr);
}

// Where they are not built in Mosquitto logs nowhere, without a word.
TEST(Parser, warns_of_log_destinations_that_are_not_there_and_logs_all_the_same) {
  for (const std::string name : {"dlt", "android"}) {
    const ParseOutcome outcome = outcome_of({{"t.conf", "log_dest " + name + "\n"}});
    EXPECT_TRUE(outcome.config.log.log_dest_stderr);
    EXPECT_EQ(outcome.notices.at(0),
              (Notice{LogType::warning,
                      "Warning: log_dest " + name + " is not available, and is ignored."}));
  }
  EXPECT_FALSE(config_of("log_dest dlt\nlog_dest stdout\n").log.log_dest_stderr);
}

TEST(Parser, clears_log_destinations_with_none) {
  const LogConfig none = config_of("log_dest file /a\nlog_dest topic\nlog_dest none\n").log;
  EXPECT_FALSE(none.log_dest_stderr || none.log_dest_stdout || none.log_dest_topic);
  EXPECT_EQ(none.log_dest_file, "");
  EXPECT_TRUE(config_of("log_dest none\nlog_dest stdout\n").log.log_dest_stdout);
}

TEST(Parser, accepts_options_without_effect) {
  const std::string text =
      "persistence false\nretained_persistence false\n"
      "autosave_interval 60\nautosave_on_changes true\n"
      "enable_control_api false\n";
  EXPECT_EQ(config_of(text), config_of(""));
}

TEST(Parser, warns_of_retry_interval) {
  const std::vector<Notice> expected = {
      {LogType::warning, "Warning: The retry_interval option is no longer available."}};
  EXPECT_EQ(notices_of("retry_interval 20\n"), expected);
  EXPECT_EQ(notices_of("retry_interval\n"), expected);
}

TEST(Parser, recommends_max_packet_size) {
  const std::vector<Notice> expected = {
      {LogType::notice,
       "Note: It is recommended to replace `message_size_limit` with `max_packet_size`."}};
  EXPECT_EQ(notices_of("message_size_limit 20\n"), expected);
}

// ---- Listeners ----

TEST(Parser, opens_a_scope_with_each_listener) {
  const Config config = config_of(
      "listener 1884\nmax_qos 1\nsys_interval 1\nmax_connections 5\n"
      "listener 1885 127.0.0.1\nmaximum_qos 0\n");
  ASSERT_EQ(config.listeners.size(), 2u);
  EXPECT_FALSE(config.local_only);
  EXPECT_EQ(config.listeners[0].port, 1884);
  EXPECT_EQ(config.listeners[0].host, "");
  EXPECT_EQ(config.listeners[0].max_qos, 1);
  EXPECT_EQ(config.listeners[0].max_connections, 5);
  EXPECT_EQ(config.listeners[1].host, "127.0.0.1");
  EXPECT_EQ(config.listeners[1].max_qos, 0);
  EXPECT_EQ(config.listeners[1].max_connections, -1);
}

TEST(Parser, reads_the_arguments_of_listener) {
  EXPECT_EQ(config_of("listener 1884 # comment").listeners[0].host, "");
  EXPECT_EQ(config_of("listener 1884 ::1 # comment").listeners[0].host, "::1");
  EXPECT_EQ(config_of("listener  1884  localhost  more").listeners[0].host, "localhost");
  EXPECT_EQ(config_of("listener 65535x").listeners[0].port, 65535);
}

TEST(Parser, reads_the_path_of_a_unix_socket) {
  const Config config =
      config_of("listener 0 /run/a.sock more\nmax_qos 1\nlistener 0 /run/b.sock\nlistener 1884\n");
  ASSERT_EQ(config.listeners.size(), 3u);
  EXPECT_EQ(config.listeners[0].unix_path, "/run/a.sock");
  EXPECT_EQ(config.listeners[0].host, "");
  EXPECT_EQ(config.listeners[0].port, 0);
  EXPECT_EQ(config.listeners[0].max_qos, 1);
  EXPECT_EQ(config.listeners[1].unix_path, "/run/b.sock");
  EXPECT_EQ(config.listeners[2].unix_path, "");
  EXPECT_FALSE(config.local_only);
}

TEST(Parser, reads_the_options_of_a_listener) {
  struct Case {
    std::string line;
    bool (*holds)(const ListenerConfig&);
  };

  using L = const ListenerConfig&;
  const Case cases[] = {
      {"accept_protocol_versions 4", [](L l) { return l.accept_protocol_versions == kAcceptV311; }},
      {"accept_protocol_versions 3, 5",
       [](L l) { return l.accept_protocol_versions == (kAcceptV31 | kAcceptV5); }},
      {"accept_protocol_versions 3,4",
       [](L l) { return l.accept_protocol_versions == (kAcceptV31 | kAcceptV311); }},
      {"bind_interface eth0", [](L l) { return l.bind_interface == "eth0"; }},
      {"listener_allow_anonymous false", [](L l) { return l.listener_allow_anonymous == false; }},
      {"listener_auto_id_prefix x", [](L l) { return l.listener_auto_id_prefix == "x"; }},
      {"enable_proxy_protocol 2", [](L l) { return l.has_tls_at_proxy(); }},
      {"enable_proxy_protocol 1", [](L l) { return l.enable_proxy_protocol == 1; }},
      {"enable_proxy_protocol 2\nproxy_protocol_v2_require_tls true",
       [](L l) { return l.proxy_protocol_v2_require_tls; }},
      {"enable_proxy_protocol 2\nrequire_certificate true\nuse_identity_as_username true",
       [](L l) { return l.require_certificate && l.use_identity_as_username; }},
      {"max_connections 3", [](L l) { return l.max_connections == 3; }},
      {"max_qos 0", [](L l) { return l.max_qos == 0; }},
      {"maximum_qos 1", [](L l) { return l.max_qos == 1; }},
      {"max_topic_alias 0", [](L l) { return l.max_topic_alias == 0; }},
      {"max_topic_alias_broker 65535", [](L l) { return l.max_topic_alias_broker == 65535; }},
      {"mount_point a b/", [](L l) { return l.mount_point == "a b/"; }},
      {"socket_domain ipv4", [](L l) { return l.socket_domain == SocketDomain::ipv4; }},
      {"socket_domain ipv6", [](L l) { return l.socket_domain == SocketDomain::ipv6; }},
      {"use_username_as_clientid 1", [](L l) { return l.use_username_as_clientid; }},
      {"protocol websockets", [](L l) { return l.protocol == ListenerProtocol::websockets; }},
      {"websockets_origin http://a\nwebsockets_origin https://b:8080",
       [](L l) {
         return l.websockets_origin == std::vector<std::string>{"http://a", "https://b:8080"};
       }},
  };
  for (const Case& c : cases) {
    EXPECT_TRUE(c.holds(after_listener(c.line).listeners.at(0))) << c.line;
    EXPECT_FALSE(c.holds(after_listener("").listeners.at(0))) << c.line;
  }
  EXPECT_EQ(after_listener("protocol mqtt"), after_listener(""));
  EXPECT_EQ(after_listener("max_connections 0"), after_listener("max_connections -1"));
}

TEST(Parser, reads_the_bound_of_a_websocket_request_under_two_names) {
  for (const std::string name : {"packet_buffer_size", "websockets_headers_size"}) {
    EXPECT_EQ(config_of(name + " 65535\n").packet_buffer_size, 65535);
    EXPECT_EQ(config_of(name + " 0\n").packet_buffer_size, 1024);
    const std::vector<Notice> expected = {
        {LogType::notice,
         "Note: " + name + " 512 is too small for what browsers send, 1024 is used."}};
    EXPECT_EQ(notices_of(name + " 512\n"), expected);
  }
  EXPECT_EQ(config_of("").packet_buffer_size, 4096);
}

TEST(Parser, opens_the_default_listener_for_port_and_bind_address) {
  const Config port = config_of("port 1884\n");
  ASSERT_EQ(port.listeners.size(), 1u);
  EXPECT_EQ(port.listeners[0].port, 1884);
  EXPECT_EQ(port.listeners[0].host, "");
  EXPECT_TRUE(port.listeners[0].is_default);
  EXPECT_FALSE(port.local_only);

  const Config address = config_of("bind_address 127.0.0.1\n");
  ASSERT_EQ(address.listeners.size(), 1u);
  EXPECT_EQ(address.listeners[0].port, 1883);
  EXPECT_EQ(address.listeners[0].host, "127.0.0.1");
}

TEST(Parser, puts_the_default_listener_last_and_leaves_the_scope_alone) {
  const Config config = config_of("max_qos 1\nlistener 1884\nport 1885\nmax_qos 0\n");
  ASSERT_EQ(config.listeners.size(), 2u);
  EXPECT_EQ(config.listeners[0].port, 1884);
  EXPECT_EQ(config.listeners[0].max_qos, 0);
  EXPECT_EQ(config.listeners[1].port, 1885);
  EXPECT_EQ(config.listeners[1].max_qos, 1);
}

TEST(Parser, opens_the_default_listener_for_an_option_of_a_listener_and_says_so_once) {
  const std::vector<std::string> lines = {"max_connections 5",
                                          "max_qos 2",
                                          "maximum_qos 2",
                                          "protocol mqtt",
                                          "socket_domain ipv4",
                                          "bind_interface lo",
                                          "use_username_as_clientid false",
                                          "require_certificate false"};
  for (const std::string& line : lines) {
    const ParseOutcome outcome = outcome_of({{"t.conf", line + "\nmax_qos 1\n"}});
    ASSERT_EQ(outcome.config.listeners.size(), 1u) << line;
    EXPECT_EQ(outcome.config.listeners[0].port, 1883);
    EXPECT_FALSE(outcome.config.local_only);
    const std::string option = line.substr(0, line.find(' '));
    const std::vector<Notice> expected = {
        {LogType::info, "Creating default listener due to '" + option + "' option."},
        {LogType::info, "It is best practice to define a 'listener' first. Using the '" + option +
                            "' option without a listener will be disabled in the future."}};
    EXPECT_EQ(outcome.notices, expected);
  }
}

TEST(Parser, of_2_0_does_not_foretell_the_end_of_the_default_listener) {
  const ParseOutcome outcome =
      outcome_of({{"t.conf", "max_qos 1\n"}}, {.compatibility = Compatibility::v2_0});
  ASSERT_EQ(outcome.notices.size(), 1u);
  EXPECT_EQ(outcome.notices[0].text, "Creating default listener due to 'max_qos' option.");
}

TEST(Parser, warns_of_a_second_port) {
  const ParseOutcome outcome =
      outcome_of({{"t.conf", "port 1884\nport 1885\n"}}, {.compatibility = Compatibility::v2_0});
  EXPECT_EQ(outcome.config.listeners.at(0).port, 1885);
  const std::vector<Notice> expected = {
      {LogType::warning,
       "Warning: Default listener port specified multiple times. Only the latest will be used."}};
  EXPECT_EQ(outcome.notices, expected);
}

TEST(Parser, runs_local_only_without_a_listener) {
  const Config config = config_of("sys_interval 1\nallow_anonymous true\n");
  EXPECT_TRUE(config.local_only);
  ASSERT_EQ(config.listeners.size(), 2u);
  EXPECT_EQ(config.listeners[0].host, "127.0.0.1");
  EXPECT_EQ(config.listeners[1].host, "::1");
}

TEST(Parser, gives_2_0_no_aliases_of_the_broker) {
  EXPECT_EQ(old_config_of("listener 1884\n").listeners[0].max_topic_alias_broker, 0);
  EXPECT_EQ(old_config_of("port 1884\n").listeners[0].max_topic_alias_broker, 0);
  EXPECT_EQ(old_config_of("").listeners[0].max_topic_alias_broker, 0);
  EXPECT_EQ(
      old_config_of("listener 1884\nmax_topic_alias_broker 3").listeners[0].max_topic_alias_broker,
      3);
}

// ---- Security options ----

TEST(Parser, applies_security_options_to_all_listeners) {
  const Config config = config_of("listener 1884\nallow_anonymous true\nlistener 1885\n");
  EXPECT_TRUE(config.anonymous_allowed(config.listeners[0]));
  EXPECT_TRUE(config.anonymous_allowed(config.listeners[1]));
}

TEST(Parser, applies_security_options_to_one_listener_with_per_listener_settings) {
  const Config config = config_of(
      "per_listener_settings true\nlistener 1884\nallow_anonymous true\nauto_id_prefix a\n"
      "allow_zero_length_clientid false\nlistener 1885\nauto_id_prefix b\n");
  EXPECT_TRUE(config.anonymous_allowed(config.listeners[0]));
  EXPECT_FALSE(config.zero_length_clientid_allowed(config.listeners[0]));
  EXPECT_EQ(config.auto_id_prefix_for(config.listeners[0]), "a");
  EXPECT_FALSE(config.anonymous_allowed(config.listeners[1]));
  EXPECT_TRUE(config.zero_length_clientid_allowed(config.listeners[1]));
  EXPECT_EQ(config.auto_id_prefix_for(config.listeners[1]), "b");
}

TEST(Parser, keeps_security_options_before_any_listener_for_the_default_one) {
  const std::string text = "per_listener_settings true\nallow_anonymous false\nauto_id_prefix a\n";
  const Config local = config_of(text);
  EXPECT_TRUE(local.local_only);
  EXPECT_FALSE(local.anonymous_allowed(local.listeners.at(0)));
  const Config with_port = config_of(text + "port 1884\nlistener 1885\n");
  EXPECT_EQ(with_port.auto_id_prefix_for(with_port.listeners.at(0)), "auto-");
  EXPECT_EQ(with_port.auto_id_prefix_for(with_port.listeners.at(1)), "a");
}

TEST(Parser, never_unsets_per_listener_settings) {
  EXPECT_TRUE(
      config_of("per_listener_settings true\nper_listener_settings false\n").per_listener_settings);
  EXPECT_FALSE(
      config_of("allow_anonymous true\nper_listener_settings false\n").per_listener_settings);
}

TEST(Parser, leaves_the_default_listener_of_2_0_open_with_per_listener_settings) {
  const std::string text = "per_listener_settings true\nport 1884\nlistener 1885\n";
  const Config old = old_config_of(text);
  EXPECT_FALSE(old.anonymous_allowed(old.listeners.at(0)));
  EXPECT_TRUE(old.anonymous_allowed(old.listeners.at(1)));
  const Config recent = config_of(text);
  EXPECT_FALSE(recent.anonymous_allowed(recent.listeners.at(0)));
  EXPECT_FALSE(recent.anonymous_allowed(recent.listeners.at(1)));
}

// ---- Generations ----

TEST(Parser, uses_the_defaults_of_the_generation_in_the_file_from_its_first_line) {
  const Config config = config_of("listener 1884\nsys_interval 1\ncompatibility 2.0\n");
  Config expected = default_config(Compatibility::v2_0);
  expected.local_only = false;
  expected.sys_interval = 1;
  expected.listeners = {default_listener(Compatibility::v2_0, 1884)};
  EXPECT_EQ(config, expected);
}

TEST(Parser, obeys_a_forced_generation) {
  const ParseOutcome outcome =
      outcome_of({{"t.conf", "compatibility 2.0\nlistener 1884\nallow_duplicate_messages true"}},
                 {.forced_compatibility = Compatibility::v2_1});
  EXPECT_EQ(outcome.config.compatibility, Compatibility::v2_1);
  EXPECT_EQ(outcome.config.max_packet_size, 2000000u);
  EXPECT_EQ(outcome.config.listeners[0].max_topic_alias_broker, 10);
  EXPECT_EQ(outcome.notices.size(), 1u);
}

TEST(Parser, notes_deprecated_options_in_2_1_only) {
  const std::vector<std::string> lines = {
      "allow_duplicate_messages true", "auto_id_prefix x", "bind_address ::1",
      "clientid_prefixes x",           "port 1884",        "per_listener_settings true"};
  for (const std::string& line : lines) {
    const std::string start = "The '" + line.substr(0, line.find(' ')) +
                              "' option is now deprecated and will be removed in a future version.";
    const std::vector<Notice> notices = notices_of(line);
    ASSERT_EQ(notices.size(), 1u) << line;
    EXPECT_EQ(notices[0].type, LogType::notice);
    EXPECT_TRUE(notices[0].text.starts_with(start)) << notices[0].text;
    const ParseOutcome old = outcome_of({{"t.conf", line}}, {.compatibility = Compatibility::v2_0});
    EXPECT_TRUE(old.notices.empty()) << line;
  }
}

// ---- include_dir ----

TEST(Parser, reads_included_files_in_order_where_the_option_stands) {
  const ParseOutcome outcome = outcome_of({{"t.conf", "sys_interval 1\ninclude_dir d\n"},
                                           {"d/b.conf", "sys_interval 3\n"},
                                           {"d/A.conf", "sys_interval 2\nmax_keepalive 9\n"},
                                           {"d/c.txt", "nonsense\n"}});
  EXPECT_EQ(outcome.config.sys_interval, 3u);
  EXPECT_EQ(outcome.config.max_keepalive, 9);
  const std::vector<Notice> expected = {{LogType::notice, "Loading config file d/A.conf"},
                                        {LogType::notice, "Loading config file d/b.conf"}};
  EXPECT_EQ(outcome.notices, expected);
}

TEST(Parser, reads_tls_options_of_a_listener_the_last_one_wins) {
  const Config config = config_of(
      "listener 8883\ncertfile a\ncertfile /c d\nkeyfile /k\ncafile /ca\ncapath /cas\n"
      "crlfile /crl\nciphers X:!Y\nciphers_tls1.3 Z\ndhparamfile /dh\ntls_version tlsv1.3\n"
      "tls_keyform pem\nrequire_certificate true\nuse_identity_as_username true\n"
      "use_subject_as_username 1\ndisable_client_cert_date_checks true\nlistener 1883\n"
      "require_certificate false\n");
  ListenerConfig tls = default_listener(Compatibility::v2_1, 8883);
  tls.certfile = "/c d";
  tls.keyfile = "/k";
  tls.cafile = "/ca";
  tls.capath = "/cas";
  tls.crlfile = "/crl";
  tls.ciphers = "X:!Y";
  tls.ciphers_tls13 = "Z";
  tls.dhparamfile = "/dh";
  tls.tls_version = TlsVersion::v1_3;
  tls.require_certificate = tls.disable_client_cert_date_checks = true;
  tls.use_identity_as_username = tls.use_subject_as_username = true;
  ASSERT_EQ(config.listeners.size(), 2U);
  EXPECT_EQ(config.listeners[0], tls);
  EXPECT_FALSE(config.listeners[1].uses_tls());
}

TEST(Parser, finds_the_keys_of_a_listener_where_they_belong) {
  const Config shared = config_of("psk_file /a\nlistener 8883\npsk_hint h\nciphers PSK\n");
  EXPECT_TRUE(shared.listeners[0].uses_psk());
  EXPECT_EQ(shared.psk_file_for(shared.listeners[0]), "/a");
  const Config own = config_of(
      "per_listener_settings true\nlistener 8883\npsk_hint h\npsk_file /b\nlistener 8884\n");
  EXPECT_EQ(own.psk_file_for(own.listeners[0]), "/b");
  EXPECT_EQ(own.psk_file_for(own.listeners[1]), "");
}

TEST(Parser, lets_lines_after_include_dir_and_further_ones_win) {
  const Config config = outcome_of({{"t.conf", "include_dir d\ninclude_dir e\nmax_keepalive 3\n"},
                                    {"d/a.conf", "sys_interval 1\nmax_keepalive 1\n"},
                                    {"e/a.conf", "sys_interval 2\n"}})
                            .config;
  EXPECT_EQ(config.sys_interval, 2u);
  EXPECT_EQ(config.max_keepalive, 3);
}

TEST(Parser, gives_included_files_no_current_listener_and_takes_it_back) {
  const Config config = outcome_of({{"t.conf", "listener 1884\ninclude_dir d\nmax_qos 0\n"},
                                    {"d/a.conf", "max_qos 1\nlistener 1885\nmax_connections 5\n"},
                                    {"d/b.conf", "max_connections 6\n"}})
                            .config;
  ASSERT_EQ(config.listeners.size(), 3u);
  EXPECT_EQ(config.listeners[0].max_qos, 0);
  EXPECT_EQ(config.listeners[1].max_connections, 5);
  EXPECT_TRUE(config.listeners[2].is_default);
  EXPECT_EQ(config.listeners[2].max_qos, 1);
  EXPECT_EQ(config.listeners[2].max_connections, 6);
}

TEST(Parser, warns_of_include_dir_in_an_included_file) {
  const ParseOutcome outcome = outcome_of({{"t.conf", "include_dir d\n"},
                                           {"d/a.conf", "include_dir e\nsys_interval 4\n"},
                                           {"e/a.conf", "nonsense\n"}});
  EXPECT_EQ(outcome.config.sys_interval, 4u);
  ASSERT_EQ(outcome.notices.size(), 2u);
  EXPECT_EQ(outcome.notices[1].type, LogType::warning);
  EXPECT_EQ(outcome.notices[1].text,
            "Warning: include_dir e is ignored, it works in the main configuration file only.");
}

}  // namespace
}  // namespace tombo::config
