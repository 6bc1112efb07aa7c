#include "net/websocket_handshake.h"

#include <string>

#include <gtest/gtest.h>

#include "net/test_websocket.h"

namespace tombo::net {
namespace {

using State = WebSocketHandshake::State;

class WebSocketHandshakeTest : public testing::Test {
 protected:
  /// Gives a request as a whole; what became of it is in the members.
  State answer(const std::string& request) {
    WebSocketHandshake handshake(settings);
    taken = handshake.take(as_bytes(request));
    answered = handshake.answer();
    why = handshake.why();
    forwarded_for = handshake.forwarded_for();
    return handshake.state();
  }

  /// kTestUpgrade with something else in place of `before`.
  static std::string changed(const std::string& before, const std::string& after) {
    std::string request(kTestUpgrade);
    return request.replace(request.find(before), before.size(), after);
  }

  [[nodiscard]] std::string status() const { return answered.substr(0, answered.find('\r')); }

  [[nodiscard]] bool answers(const std::string& text) const {
    return answered.find(text) != std::string::npos;
  }

  WebSocketSettings settings;
  size_t taken = 0;
  std::string answered;
  std::string why;
  std::string forwarded_for;
};

TEST_F(WebSocketHandshakeTest, accepts_the_key_of_the_standard_example) {
  ASSERT_EQ(answer(std::string(kTestUpgrade) + "frames"), State::accepted);
  EXPECT_EQ(taken, kTestUpgrade.size());
  EXPECT_EQ(answered,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
  EXPECT_EQ(forwarded_for, "");
}

TEST_F(WebSocketHandshakeTest, takes_a_request_byte_by_byte) {
  WebSocketHandshake handshake(settings);
  for (size_t i = 0; i < kTestUpgrade.size(); ++i) {
    ASSERT_EQ(handshake.state(), State::reading) << i;
    ASSERT_EQ(handshake.take(as_bytes(kTestUpgrade.substr(i, 1))), 1u);
  }
  EXPECT_EQ(handshake.state(), State::accepted);
}

TEST_F(WebSocketHandshakeTest, chooses_the_first_sub_protocol_it_speaks) {
  const std::string header = "Sec-WebSocket-Protocol: mqtt\r\n";
  const std::pair<std::string, std::string> cases[] = {
      {"Sec-WebSocket-Protocol: foo, mqtt\r\n", "mqtt"},
      {"Sec-WebSocket-Protocol: mqttv3.1,mqtt\r\n", "mqttv3.1"},
      {"sec-websocket-protocol:foo\r\nSEC-WebSocket-PROTOCOL:\t mqtt \r\n", "mqtt"},
      {"Sec-WebSocket-Protocol: , ,mqttv3.1\r\n", "mqttv3.1"},
  };
  for (const auto& [headers, chosen] : cases) {
    ASSERT_EQ(answer(changed(header, headers)), State::accepted) << headers;
    EXPECT_TRUE(answers("Sec-WebSocket-Protocol: " + chosen + "\r\n")) << headers;
  }
}

TEST_F(WebSocketHandshakeTest, refuses_with_status_and_reason) {
  struct Case {
    std::string request;
    std::string status;
    std::string why;
  };

  const Case cases[] = {
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 426 Upgrade Required",
       "an HTTP request that does not ask for WebSocket"},
      {changed("GET", "POST"), "HTTP/1.1 426 Upgrade Required",
       "an HTTP request that does not ask for WebSocket"},
      {changed("HTTP/1.1", "HTTP/1.0"), "HTTP/1.1 400 Bad Request",
       "a WebSocket request needs HTTP/1.1 and \"Connection: Upgrade\""},
      {changed("keep-alive, Upgrade", "close"), "HTTP/1.1 400 Bad Request",
       "a WebSocket request needs HTTP/1.1 and \"Connection: Upgrade\""},
      {changed("Version: 13", "Version: 8"), "HTTP/1.1 426 Upgrade Required",
       "WebSocket version \"8\", not 13"},
      {changed("b25jZQ==", "b25j"), "HTTP/1.1 400 Bad Request",
       "Sec-WebSocket-Key is not the Base64 of 16 bytes"},
      {changed("Protocol: mqtt", "Protocol: MQTT, mqttv3.11"), "HTTP/1.1 400 Bad Request",
       "Sec-WebSocket-Protocol \"MQTT, mqttv3.11\" has neither mqtt nor mqttv3.1"},
      {changed("Protocol: mqtt", "Extensions: x"), "HTTP/1.1 400 Bad Request",
       "Sec-WebSocket-Protocol \"\" has neither mqtt nor mqttv3.1"},
      {"GET / HTTP/1.1\r\nbad header\r\n\r\n", "HTTP/1.1 400 Bad Request",
       "not an HTTP request: invalid character in header"},
      {"HELLO\r\n", "HTTP/1.1 400 Bad Request", "not an HTTP request: invalid HTTP method"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(answer(c.request), State::refused) << c.request;
    EXPECT_EQ(status(), c.status) << c.request;
    EXPECT_EQ(why, c.why);
    EXPECT_TRUE(answers(c.why + ".\n\nThis is an MQTT broker")) << answered;
  }
}

TEST_F(WebSocketHandshakeTest, tells_an_old_or_new_client_which_version_it_speaks) {
  answer(changed("Version: 13", "Version: 14"));
  EXPECT_TRUE(answers("\r\nSec-WebSocket-Version: 13\r\n"));
  answer("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(answers("\r\nUpgrade: websocket\r\n"));
}

TEST_F(WebSocketHandshakeTest, says_what_else_a_first_byte_looks_like) {
  const std::pair<std::string, std::string> cases[] = {
      {std::string("\x10\x0D\0\4MQTT", 8), "looks like plain MQTT on a WebSocket listener"},
      {"\x16\x03\x01", "looks like TLS on a WebSocket listener without TLS"},
      {"\xE0", "looks like no HTTP on a WebSocket listener (first byte E0)"},
  };
  for (const auto& [bytes, reason] : cases) {
    EXPECT_EQ(answer(bytes), State::refused);
    EXPECT_EQ(why, reason);
    EXPECT_EQ(answered, "");
  }
}

TEST_F(WebSocketHandshakeTest, knows_the_origins_of_its_settings_alone) {
  settings.origins = {"https://a.example", "http://b:8080"};
  const auto from = [](const std::string& origin) {
    return changed("Host: h", "Host: h\r\nOrigin: " + origin);
  };
  EXPECT_EQ(answer(from("https://a.example")), State::accepted);
  EXPECT_EQ(answer(from("http://b:8080")), State::accepted);
  EXPECT_EQ(answer(std::string(kTestUpgrade)), State::accepted);
  for (const std::string other : {"https://a.example.net", "https://A.example", "null", ""}) {
    EXPECT_EQ(answer(from(other)), State::refused) << other;
    EXPECT_EQ(status(), "HTTP/1.1 403 Forbidden");
    EXPECT_EQ(why, "non-matching http origin \"" + other + "\"");
  }
}

TEST_F(WebSocketHandshakeTest, bounds_the_head) {
  settings.head_bytes_max = kTestUpgrade.size();
  EXPECT_EQ(answer(std::string(kTestUpgrade)), State::accepted);
  EXPECT_EQ(answer(changed("Host: h", "Host: ho")), State::refused);
  EXPECT_EQ(status(), "HTTP/1.1 431 Request Header Fields Too Large");
  EXPECT_EQ(why,
            "HTTP request head of more than " + std::to_string(kTestUpgrade.size()) + " bytes");
}

TEST_F(WebSocketHandshakeTest, takes_the_first_forwarded_address_if_it_is_one) {
  const std::pair<std::string, std::string> cases[] = {
      {"192.0.2.7", "192.0.2.7"},
      {" 2001:db8::1 , 10.0.0.1", "2001:db8::1"},
      {"192.0.2.7\r\nX-Forwarded-For: 10.0.0.1", "192.0.2.7"},
      {"unknown, 192.0.2.7", ""},
      {"192.0.2.7:80", ""},
      {"\x1b[2J", ""},
      {std::string(1000, '1'), ""},
  };
  for (const auto& [value, address] : cases) {
    EXPECT_EQ(answer(changed("Host: h", "X-Forwarded-For: " + value)), State::accepted) << value;
    EXPECT_EQ(forwarded_for, address);
  }
}

TEST_F(WebSocketHandshakeTest, keeps_control_characters_and_long_text_out_of_the_log) {
  answer(changed("Protocol: mqtt", "Protocol: \x80\xFF" + std::string(1000, 'x')));
  EXPECT_EQ(why, "Sec-WebSocket-Protocol \"??" + std::string(98, 'x') +
                     "\" has neither mqtt nor mqttv3.1");
}

}  // namespace
}  // namespace tombo::net
