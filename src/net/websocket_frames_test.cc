#include "net/websocket_frames.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/test_websocket.h"

namespace tombo::net {
namespace {

constexpr TestFrame kBinary{};
constexpr TestFrame kText{.opcode = 1};
constexpr TestFrame kPing{.opcode = 9};
constexpr TestFrame kPong{.opcode = 10};
constexpr TestFrame kClose{.opcode = 8};
constexpr TestFrame kBegin{.final = false};
constexpr TestFrame kMiddle{.opcode = 0, .final = false};
constexpr TestFrame kEnd{.opcode = 0};

class WebSocketFramesTest : public testing::Test {
 protected:
  /// Gives bytes in pieces of this size, in place as a shard does; adds up what comes of it.
  void take(const std::string& bytes, size_t piece = 1 << 20) {
    for (size_t at = 0; at < bytes.size(); at += piece) {
      std::string part = bytes.substr(at, piece);
      const std::span<uint8_t> memory(reinterpret_cast<uint8_t*>(part.data()), part.size());
      const WebSocketFrames::Result result = frames.take(memory, memory);
      payload += part.substr(0, result.count);
      if (result.ping) pings.emplace_back(result.ping->begin(), result.ping->end());
      if (result.close) code = static_cast<unsigned>(*result.close);
      why += result.why;
    }
  }

  WebSocketFrames frames;
  std::string payload;
  std::vector<std::string> pings;
  unsigned code = 0;
  std::string why;
};

TEST_F(WebSocketFramesTest, gives_the_payload_of_frames_of_every_size_in_any_pieces) {
  std::string bytes;
  std::string expected;
  for (const size_t size : {0, 1, 2, 3, 4, 11, 12, 13, 125, 126, 127, 4096, 65535, 65536, 70001}) {
    std::string text;
    for (size_t i = 0; i < size; ++i) text += static_cast<char>(i * 7 + size);
    bytes += kBinary(text);
    expected += text;
  }
  for (const size_t piece : {1 << 20, 65536, 4096, 17, 3, 1}) {
    payload.clear();
    take(bytes, piece);
    EXPECT_TRUE(payload == expected) << piece;
  }
  EXPECT_EQ(code, 0u);
}

TEST_F(WebSocketFramesTest, joins_fragments_with_control_frames_between_them) {
  take(kBegin("ab") + kPing("?") + kMiddle("") + kMiddle("c") + kPong("x") + kEnd("d") +
       kBinary("e"));
  EXPECT_EQ(payload, "abcde");
  EXPECT_EQ(pings, std::vector<std::string>{"?"});
  EXPECT_EQ(code, 0u);
}

TEST_F(WebSocketFramesTest, tells_the_last_ping_of_a_read) {
  take(kPing("1") + kPing(std::string(125, '2')) + kPing(std::string(60, '3')));
  EXPECT_EQ(pings, std::vector<std::string>{std::string(60, '3')});
  take(kPing(""));
  EXPECT_EQ(pings.back(), "");
}

TEST_F(WebSocketFramesTest, gathers_a_ping_that_comes_in_pieces) {
  take(kPing(std::string(125, 'p')) + kBinary("b"), 7);
  EXPECT_EQ(pings, std::vector<std::string>{std::string(125, 'p')});
  EXPECT_EQ(payload, "b");
}

TEST_F(WebSocketFramesTest, tells_the_code_of_a_close_frame) {
  const std::pair<std::string, unsigned> cases[] = {
      {std::string("\x03\xE8", 2), 1000},
      {std::string("\x03\xE9gone", 6), 1001},
      {std::string("\x0F\xA0", 2), 4000},
      {"", 1000},
  };
  for (const auto& [text, expected] : cases) {
    WebSocketFrames each;
    std::string bytes = kClose(text) + kBinary("ignored");
    const std::span<uint8_t> memory(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
    const WebSocketFrames::Result result = each.take(memory, memory);
    ASSERT_TRUE(result.close);
    EXPECT_EQ(static_cast<unsigned>(*result.close), expected);
    EXPECT_EQ(result.why, "");
    EXPECT_EQ(result.count, 0u);
  }
}

TEST_F(WebSocketFramesTest, refuses_what_breaks_a_rule) {
  struct Case {
    std::string bytes;
    unsigned code;
    std::string why;
  };

  const Case cases[] = {
      {kText("x"), 1003, "a text frame, where MQTT needs binary ones"},  // [MQTT-6.0.0-1]
      {TestFrame{.opcode = 1, .final = false}("x"), 1003,
       "a text frame, where MQTT needs binary ones"},
      {TestFrame{.masked = false}("x"), 1002, "a frame without a mask"},
      {TestFrame{.reserved = 0x40}("x"), 1002, "a frame with reserved bits"},
      {TestFrame{.opcode = 3}("x"), 1002, "a frame of an unknown kind"},
      {TestFrame{.opcode = 11}("x"), 1002, "a frame of an unknown kind"},
      {kEnd("x"), 1002, "a continuation of nothing"},
      {kBegin("") + kBinary("x"), 1002, "a new message within a fragmented one"},
      {TestFrame{.opcode = 9, .final = false}("x"), 1002, "a frame with a wrong header"},
      {kPing(std::string(126, 'x')), 1002, "a frame with a wrong header"},
      {std::string("\x82\xFE\x00\x7D", 4), 1002, "a frame with a wrong header"},
      {kClose("\x03"), 1002, "a close frame with a wrong code"},
      {kClose(std::string("\x03\xED", 2)), 1002, "a close frame with a wrong code"},
      {std::string("\x82\xFF\0\0\0\0\x10\0\0\x05mask.", 15), 1009, "a frame that is too big"},
  };
  for (const Case& c : cases) {
    WebSocketFrames each;
    std::string bytes = kBinary("good") + c.bytes;
    const std::span<uint8_t> memory(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
    const WebSocketFrames::Result result = each.take(memory, memory);
    ASSERT_TRUE(result.close) << c.why;
    EXPECT_EQ(static_cast<unsigned>(*result.close), c.code) << c.why;
    EXPECT_EQ(result.why, c.why);
    EXPECT_EQ(bytes.substr(0, result.count), "good");
  }
}

TEST_F(WebSocketFramesTest, writes_headers_of_three_sizes) {
  const std::pair<uint64_t, std::string> cases[] = {
      {0, std::string("\x82\x00", 2)},
      {125, "\x82\x7D"},
      {126, std::string("\x82\x7E\x00\x7E", 4)},
      {65535, "\x82\x7E\xFF\xFF"},
      {65536, std::string("\x82\x7F\0\0\0\0\0\1\0\0", 10)},
  };
  for (const auto& [size, expected] : cases) {
    std::array<uint8_t, kFrameHeaderBytesMax> header{};
    const size_t count = write_frame_header(2, size, header);
    EXPECT_EQ(as_text(std::span(header).first(count)), expected) << size;
  }
}

}  // namespace
}  // namespace tombo::net
