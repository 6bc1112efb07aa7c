#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "base/random.h"
#include "config/files_in_memory.h"
#include "config/options.h"
#include "config/parser.h"

namespace tombo::config {
namespace {

Error error_of(const std::map<std::string, std::string>& map) {
  FilesInMemory files(map);
  const Result<ParseOutcome> outcome = parse_file(files, "t.conf", {});
  return outcome ? Error{"no error", 0} : outcome.error();
}

struct Case {
  std::string line;
  std::string_view text;
};

/// The line alone, and behind two others: the error names the line it stands on.
void expect_errors(std::span<const Case> cases, const std::string& before = {}) {
  for (const Case& c : cases) {
    const auto number = std::ranges::count(before, '\n') + 1;
    const Error error = error_of({{"t.conf", before + c.line + "\nnonsense\n"}});
    EXPECT_EQ(error.text,
              std::string(c.text) + "\nError found at t.conf:" + std::to_string(number) + ".");
    EXPECT_EQ(error.code, 3) << c.line;
  }
}

TEST(ParserErrors, names_unknown_options) {
  const Case cases[] = {
      {"nonsense x", "Error: Unknown configuration variable \"nonsense\"."},
      {" # indented", "Error: Unknown configuration variable \"#\"."},
      {"\tport 1883", "Error: Unknown configuration variable \"\tport\"."},
      {"port\t1883", "Error: Unknown configuration variable \"port\t1883\"."},
      {"PORT 1883", "Error: Unknown configuration variable \"PORT\"."},
      {"auth_opt", "Error: Unknown configuration variable \"auth_opt\"."},
      {"\xef\xbb\xbfport 1883", "Error: Unknown configuration variable \"\xef\xbb\xbfport\"."},
      {std::string("po\0rt 1883", 10),
       std::string_view("Error: Unknown configuration variable \"po\0rt\".", 46)},
  };
  expect_errors(cases);
  expect_errors(cases, "# comment\n\nlistener 1884\r\n");
}

TEST(ParserErrors, refuses_values_of_the_broker) {
  const Case cases[] = {
      {"compatibility 1.6", "Error: Invalid compatibility value (1.6)."},
      {"compatibility", "Error: Empty compatibility value in configuration."},
      {"threads 64", "Error: Invalid threads value (64)."},
      {"threads -1", "Error: Invalid threads value (-1)."},
      {"max_inflight_messages 65536", "Error: max_inflight_messages must be <= 65535."},
      {"max_keepalive 65536", "Error: Invalid max_keepalive value (65536)."},
      {"max_keepalive -1", "Error: Invalid max_keepalive value (-1)."},
      {"max_packet_size 19", "Error: Invalid max_packet_size value (19)."},
      {"max_packet_size 0", "Error: Invalid max_packet_size value (0)."},
      {"max_packet_size abc", "Error: Invalid max_packet_size value (0)."},
      {"memory_limit -1", "Error: Invalid memory_limit value (-1)."},
      {"message_size_limit -1", "Error: Invalid message_size_limit value (-1)."},
      {"message_size_limit 268435456", "Error: Invalid message_size_limit value (268435456)."},
      {"retain_expiry_interval 0", "Error: Invalid retain_expiry_interval value (0)."},
      {"sys_interval -1", "Error: Invalid sys_interval value (-1)."},
      {"sys_interval 65536", "Error: Invalid sys_interval value (65536)."},
      {"log_facility 8", "Error: Invalid log_facility value (8)."},
      {"log_facility -1", "Error: Invalid log_facility value (-1)."},
      {"log_type foo", "Error: Invalid log_type value (foo)."},
      {"log_dest foo", "Error: Invalid log_dest value (foo)."},
      {"log_dest file", "Error: Empty \"log_dest file\" value in configuration."},
      {"log_dest file /a\nlog_dest file /b", "Error: Duplicate \"log_dest file\" value."},
      {"include_dir none", "Error: Unable to open include_dir 'none'."},
      {"allow_anonymous TRUE", "Error: Invalid allow_anonymous value (TRUE)."},
      {"allow_anonymous true\t", "Error: Invalid allow_anonymous value (true\t)."},
      {"retain_available yes", "Error: Invalid retain_available value (yes)."},
      {"persistence maybe", "Error: Invalid persistence value (maybe)."},
      {"autosave_on_changes maybe", "Error: Invalid autosave_on_changes value (maybe)."},
      {"auto_id_prefix " + std::string(51, 'x'),
       "Error: auto_id_prefix must not be longer than 50 bytes."},
  };
  for (const Case& c : cases) {
    if (c.line.find('\n') == std::string::npos) expect_errors({&c, 1});
  }
  EXPECT_EQ(error_of({{"t.conf", "log_dest file /a\nlog_dest file /b\n"}}).text,
            "Error: Duplicate \"log_dest file\" value.\nError found at t.conf:2.");
}

TEST(ParserErrors, refuses_durations) {
  for (const std::string value : {"1", "h", "0d", "-1d", "1H", "1 h", "abc", "1hx"}) {
    const Case wrong = {"persistent_client_expiration " + value,
                        "Error: Invalid persistent_client_expiration duration in configuration."};
    expect_errors({&wrong, 1});
  }
}

TEST(ParserErrors, refuses_a_path_that_is_too_long_for_a_unix_socket) {
  const std::string path = '/' + std::string(107, 'x');
  const std::string text = "Error: Path to unix socket is too long \"" + path + "\".";
  const Case wrong = {"listener 0 " + path, text};
  expect_errors({&wrong, 1});
  EXPECT_EQ(error_of({{"t.conf", "listener 0 " + path.substr(1) + "\n"}}).code, 0);
}

TEST(ParserErrors, refuses_versions_of_the_proxy_protocol_that_there_are_not) {
  for (const std::string value : {"0", "3", "-1"}) {
    const std::string text = "Error: Invalid enable_proxy_protocol value (" + value + ").";
    const Case wrong = {"enable_proxy_protocol " + value, text};
    expect_errors({&wrong, 1}, "listener 1884\n");
  }
}

TEST(ParserErrors, refuses_values_of_listeners) {
  const Case cases[] = {
      {"listener", "Error: Empty listener value in configuration."},
      {"listener 0", "Error: A listener with port 0 must provide a Unix socket path."},
      {"listener abc", "Error: A listener with port 0 must provide a Unix socket path."},
      {"listener 0 # comment", "Error: A listener with port 0 must provide a Unix socket path."},
      {"listener -5", "Error: Invalid port value (-5)."},
      {"listener 70000", "Error: Invalid port value (70000)."},
      {"port 0", "Error: Invalid port value (0)."},
      {"port 65536", "Error: Invalid port value (65536)."},
      {"bind_address", "Error: Empty default listener bind_address value in configuration."},
      {"max_qos 3", "Error: max_qos must be between 0 and 2 inclusive."},
      {"maximum_qos -1", "Error: max_qos must be between 0 and 2 inclusive."},
      {"socket_domain ipv5", "Error: Invalid socket_domain value \"ipv5\" in configuration."},
      {"protocol foo", "Error: Invalid protocol value (foo)."},
      {"packet_buffer_size 65536", "Error: Invalid packet_buffer_size value (65536)."},
      {"websockets_headers_size -1", "Error: Invalid websockets_headers_size value (-1)."},
      {"max_topic_alias 65536", "Error: Invalid max_topic_alias value in configuration."},
      {"max_topic_alias -1", "Error: Invalid max_topic_alias value in configuration."},
      {"max_topic_alias_broker 65536",
       "Error: Invalid max_topic_alias_broker value in configuration."},
      {"mount_point a/#",
       "Error: Invalid mount_point 'a/#'. Does it contain a wildcard character?"},
      {"mount_point +/", "Error: Invalid mount_point '+/'. Does it contain a wildcard character?"},
      {"accept_protocol_versions 3,6", "Error: Invalid accept_protocol_versions value (6)."},
      {"accept_protocol_versions ,",
       "Error: Empty accept_protocol_versions value in configuration."},
      {"listener_auto_id_prefix " + std::string(51, 'x'),
       "Error: listener_auto_id_prefix must not be longer than 50 bytes."},
  };
  expect_errors(cases, "listener 1884\n");
}

TEST(ParserErrors, wants_a_listener_before_some_options) {
  for (const std::string line :
       {"accept_protocol_versions 5", "listener_allow_anonymous true", "listener_auto_id_prefix x",
        "max_topic_alias 1", "max_topic_alias_broker 1", "mount_point a/",
        "websockets_origin http://a"}) {
    const std::string text = "Error: The '" + line.substr(0, line.find(' ')) +
                             "' option requires a listener to be defined first.";
    const Case wrong = {line, text};
    expect_errors({&wrong, 1});
    expect_errors({&wrong, 1}, "port 1884\n");
  }
}

TEST(ParserErrors, wants_per_listener_settings_first) {
  const Case wrong = {
      "per_listener_settings true",
      "Error: per_listener_settings must be set before any other security settings."};
  for (const std::string before :
       {"allow_anonymous true\n", "auto_id_prefix x\n", "allow_zero_length_clientid true\n"}) {
    expect_errors({&wrong, 1}, before);
  }
}

TEST(ParserErrors, refuses_a_second_text_in_the_same_scope) {
  for (const std::string option : {"auto_id_prefix", "clientid_prefixes", "log_timestamp_format",
                                   "persistence_file", "persistence_location", "pid_file"}) {
    const std::string text = "Error: Duplicate " + option + " value in configuration.";
    const Case second = {option + " b", text};
    expect_errors({&second, 1}, option + " a\nlistener 1884\n");
  }
  for (const std::string option : {"bind_interface", "listener_auto_id_prefix"}) {
    const std::string text = "Error: Duplicate " + option + " value in configuration.";
    const Case second = {option + " b", text};
    expect_errors({&second, 1}, "listener 1884\n" + option + " a\n");
  }
  const Case address = {"bind_address ::1",
                        "Error: Duplicate default listener bind_address value in configuration."};
  expect_errors({&address, 1}, "bind_address ::1\n");
}

TEST(ParserErrors, refuses_an_option_without_value) {
  for (const Option& option : options()) {
    if (option.status == Status::later || option.name == "retry_interval") continue;
    const std::string name(option.name == "bind_address" ? "default listener bind_address"
                                                         : option.name);
    const std::string text = "Error: Empty " + name + " value in configuration.";
    const Case cases[] = {{std::string(option.name), text},
                          {std::string(option.name) + "  ", text}};
    expect_errors(cases, "listener 1884\n");
  }
}

TEST(ParserErrors, refuses_every_option_that_is_not_supported_yet) {
  for (const Option& option : options()) {
    if (option.status != Status::later) continue;
    const std::string name = std::string(option.name) + (option.name.ends_with('_') ? "x" : "");
    const bool may_be_false = option.note.find("`false`") != std::string_view::npos;
    const std::string text = "Error: option " + name + " is not supported yet" +
                             (may_be_false ? " with the value true." : ".");
    const Case refused = {name + " true", text};
    expect_errors({&refused, 1});
    expect_errors({&refused, 1}, "listener 1884\n");
  }
}

TEST(ParserErrors, refuses_values_that_are_not_supported_yet) {
  const Case cases[] = {
      {"protocol http_api", "Error: option protocol is not supported yet with the value http_api."},
  };
  expect_errors(cases);
}

TEST(ParserErrors, refuses_tls_options_that_do_not_go_together) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"certfile a\n", "certfile, but no keyfile."},
      {"keyfile a\n", "keyfile, but no certfile."},
      {"cafile a\n", "cafile, but no certfile or psk_hint."},
      {"tls_version tlsv1.3\n", "tls_version, but no certfile or psk_hint."},
      {"require_certificate true\n", "require_certificate, but no certfile or psk_hint."},
      {"use_identity_as_username true\n", "use_identity_as_username, but no certfile or psk_hint."},
      {"certfile a\nkeyfile a\nrequire_certificate true\n",
       "require_certificate, but neither cafile nor capath."},
      {"psk_hint h\n", "psk_hint, but there is no psk_file."},
      {"proxy_protocol_v2_require_tls true\n",
       "proxy_protocol_v2_require_tls, but not enable_proxy_protocol 2."},
      {"enable_proxy_protocol 1\nrequire_certificate true\n",
       "require_certificate, but no certfile or psk_hint."},
      {"enable_proxy_protocol 2\ncafile a\n", "cafile, but no certfile or psk_hint."},
      {"enable_proxy_protocol 2\nkeyfile a\n",
       "keyfile, but with enable_proxy_protocol 2 the proxy does the TLS."},
      {"certfile a\nkeyfile a\nenable_proxy_protocol 2\n",
       "certfile, but with enable_proxy_protocol 2 the proxy does the TLS."},
      {"use_subject_as_username true\nenable_proxy_protocol 2\n",
       "use_subject_as_username, but with enable_proxy_protocol 2 the proxy does the TLS."},
      {"ocsp_file a\n", "ocsp_file, but no certfile or psk_hint."},
      {"tls_engine a\n", "tls_engine, but no certfile or psk_hint."},
      {"certfile a\nkeyfile a\ntls_keyform engine\n", "tls_keyform engine, but no tls_engine."},
      {"certfile a\nkeyfile a\ntls_engine_kpass_sha1 "
       "00112233445566778899aabbccddeeff00112233\n",
       "tls_engine_kpass_sha1, but no tls_engine."},
  };
  for (const auto& [lines, words] : cases) {
    FilesInMemory files({{"t.conf", "\nlistener 1884\n" + std::string(lines)}});
    const Result<ParseOutcome> outcome = parse_file(files, "t.conf", {});
    ASSERT_FALSE(outcome) << lines;
    EXPECT_EQ(outcome.error().text, "Error: The listener on port 1884 has " + std::string(words) +
                                        "\nError found at t.conf:2.");
    EXPECT_EQ(outcome.error().code, 3);
  }
}

TEST(ParserErrors, refuses_certificates_beside_shared_keys) {
  for (const std::string line : {"certfile a", "cafile a", "tls_version tlsv1.3"}) {
    const std::string text = "psk_file f\nlistener 1884\npsk_hint h\n" + line + "\n";
    const std::string option = line.substr(0, line.find(' '));
    EXPECT_EQ(error_of({{"t.conf", text}}).text,
              "Error: Cannot use both certificate and psk encryption in a single listener: the one "
              "on port 1884 has psk_hint and " +
                  option + ".\nError found at t.conf:2.");
  }
}

TEST(ParserErrors, refuses_versions_of_tls_that_are_not_safe_and_keys_elsewhere) {
  const Case cases[] = {
      {"tls_version tlsv1.1", "Error: Unsupported tls_version \"tlsv1.1\"."},
      {"tls_version 1.3", "Error: Unsupported tls_version \"1.3\"."},
      {"tls_keyform der", "Error: Invalid tls_keyform value (der)."},
      {"tls_engine_kpass_sha1 00112233445566778899aabbccddeeff0011223",
       "Error: Invalid tls_engine_kpass_sha1 value, it is 40 digits of hexadecimal."},
      {"tls_engine_kpass_sha1 00112233445566778899aabbccddeeff0011223g",
       "Error: Invalid tls_engine_kpass_sha1 value, it is 40 digits of hexadecimal."},
  };
  expect_errors(cases, "listener 1884\n");
}

TEST(ParserErrors, refuses_text_that_is_not_valid_utf_8_or_too_long) {
  const std::string_view text = "Error: Malformed UTF-8 in configuration.";
  const Case cases[] = {
      {"pid_file \xff\xfe", text},     {"pid_file a\tb", text},
      {"pid_file \xed\xa0\x80", text}, {std::string("pid_file a\0b", 12), text},
      {"auto_id_prefix a\x01", text},  {"pid_file " + std::string(65536, 'x'), text},
      {"log_dest file \xc3(", text},   {"clientid_prefixes \xf5\x80\x80\x80", text},
  };
  expect_errors(cases);
}

TEST(ParserErrors, refuses_two_equal_listeners_at_the_second) {
  struct Pair {
    std::string text;
    int line;
  };

  const Pair pairs[] = {
      {"listener 1884\n\nlistener 1884\n", 3},
      {"listener 1884 ::1\nlistener 1885\nlistener 1884 ::1\nmax_qos 1\n", 3},
      {"listener 1884\nsocket_domain ipv4\nlistener 1884\n", 3},
      {"port 1884\nlistener 1884\n", 1},
      {"listener 1884\nport 1884\n", 2},
  };
  for (const Pair& pair : pairs) {
    const Error error = error_of({{"t.conf", pair.text}});
    EXPECT_EQ(error.text, "Error: Duplicate listener on port 1884.\nError found at t.conf:" +
                              std::to_string(pair.line) + ".");
    EXPECT_EQ(error.code, 3);
  }
  EXPECT_EQ(error_of({{"t.conf",
                       "listener 1884\nsocket_domain ipv4\nlistener 1884\n"
                       "socket_domain ipv6\nlistener 1884 ::1\n"}})
                .code,
            0);
  EXPECT_EQ(error_of({{"t.conf", "listener 0 /a\nlistener 0 /b\nlistener 0 /a\n"}}).text,
            "Error: Duplicate listener on path /a.\nError found at t.conf:3.");
}

TEST(ParserErrors, names_every_file_on_the_way) {
  const Error error =
      error_of({{"t.conf", "\ninclude_dir d\n"}, {"d/a.conf", ""}, {"d/b.conf", "\n\nbogus\n"}});
  EXPECT_EQ(error.text,
            "Error: Unknown configuration variable \"bogus\".\nError found at d/b.conf:3.\n"
            "Error found at t.conf:2.");
  EXPECT_EQ(error.code, 3);
}

// Pieces of real files in random order: whatever comes, an error says where.
TEST(ParserErrors, name_a_place_for_any_input) {
  constexpr std::string_view kPieces[] = {" ",     "\n",   "\n",   "\r\n", "#", "\t", "1",   "-7",
                                          "65535", "true", "\xff", "::1",  "d", "s",  "2.0", ","};
  Random random(42);
  for (int run = 0; run < 20000; ++run) {
    std::string text;
    for (uint64_t left = random.below(12); left > 0; --left) {
      const bool name = random.below(2) == 0;
      text += name ? options()[random.below(options().size())].name
                   : kPieces[random.below(std::size(kPieces))];
      if (name) text += ' ';
    }
    const Error error = error_of({{"t.conf", text}, {"d/a.conf", text}});
    if (error.code == 0) continue;
    EXPECT_EQ(error.code, 3) << text;
    EXPECT_NE(error.text.find("\nError found at "), std::string::npos) << text;
  }
}

TEST(ParserErrors, of_a_missing_file_have_status_1) {
  const Error error = error_of({});
  EXPECT_EQ(error.text, "Error: Unable to open config file t.conf.");
  EXPECT_EQ(error.code, 1);
}

}  // namespace
}  // namespace tombo::config
