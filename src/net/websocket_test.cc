#include "net/websocket.h"

#include <cerrno>
#include <deque>
#include <string>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "net/test_websocket.h"

namespace tombo::net {
namespace {

using Kind = IoResult::Kind;

/// The other side of a transport: what it has sent, and how much it may still send.
struct TestLine {
  std::deque<std::string> incoming{};
  std::string sent{};
  size_t room = 1 << 24;
  int writes = 0;
};

class TestWire final : public Transport {
 public:
  explicit TestWire(TestLine& line) : line_(line) {}

  [[nodiscard]] int descriptor() const override { return -1; }

  [[nodiscard]] IoResult read(std::span<uint8_t> into) override {
    if (line_.incoming.empty()) return {.kind = Kind::blocked};
    const std::string bytes = line_.incoming.front();
    line_.incoming.pop_front();
    if (bytes.empty()) return {.kind = Kind::ended};
    std::ranges::copy(bytes, into.begin());
    return {.count = bytes.size()};
  }

  [[nodiscard]] IoResult write(std::span<const iovec> slices) override {
    ++line_.writes;
    size_t count = 0;
    for (const iovec& slice : slices) {
      const size_t part = std::min(slice.iov_len, line_.room);
      line_.sent.append(static_cast<const char*>(slice.iov_base), part);
      line_.room -= part;
      count += part;
    }
    if (count == 0) return {.kind = Kind::blocked};
    return {.count = count};
  }

  [[nodiscard]] Socket finish() override {
    line_.sent += "<end>";
    return {};
  }

 private:
  TestLine& line_;
};

class WebSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    transport = std::make_unique<WebSocketTransport>(std::make_unique<TestWire>(line),
                                                     std::make_shared<WebSocketSettings>());
  }

  void open() {
    EXPECT_EQ(receive(std::string(kTestUpgrade)), "blocked");
    ASSERT_EQ(line.sent.find("HTTP/1.1 101 "), 0u);
    line.sent.clear();
    line.writes = 0;
  }

  /// What comes of bytes from the client.
  std::string receive(std::string bytes) {
    line.incoming.push_back(std::move(bytes));
    return read();
  }

  std::string read() {
    const IoResult result = transport->read(buffer);
    if (result.kind == Kind::blocked) return "blocked";
    if (result.kind == Kind::ended) return "ended";
    if (result.kind == Kind::failed) return "failed: " + std::string(transport->why_failed());
    return {reinterpret_cast<const char*>(buffer.data()), result.count};
  }

  /// How many bytes of the texts were taken.
  size_t write(std::vector<std::string> texts) {
    std::vector<iovec> slices;
    for (std::string& text : texts) slices.push_back({text.data(), text.size()});
    const IoResult result = transport->write(slices);
    EXPECT_NE(result.kind, Kind::failed);
    return result.kind == Kind::done ? result.count : 0;
  }

  TestLine line;
  std::unique_ptr<WebSocketTransport> transport;
  std::vector<uint8_t> buffer = std::vector<uint8_t>(65536);
};

TEST_F(WebSocketTest, reads_what_comes_with_the_request_and_behind_it) {
  EXPECT_EQ(receive(std::string(kTestUpgrade) + TestFrame{}("ab")), "ab");
  EXPECT_EQ(receive(TestFrame{}("c") + TestFrame{}("d")), "cd");
  EXPECT_EQ(receive(TestFrame{}("")), "blocked");
  EXPECT_EQ(receive(""), "ended");
}

TEST_F(WebSocketTest, refuses_a_request_with_an_answer) {
  EXPECT_EQ(receive("GET / HTTP/1.1\r\n\r\n"),
            "failed: an HTTP request that does not ask for WebSocket");
  EXPECT_EQ(line.sent.find("HTTP/1.1 426 "), 0u);
  EXPECT_EQ(read(), "failed: an HTTP request that does not ask for WebSocket");
  static_cast<void>(transport->finish());
  EXPECT_TRUE(line.sent.ends_with("\n<end>"));
}

TEST_F(WebSocketTest, writes_one_frame_in_one_go) {
  open();
  EXPECT_EQ(write({"ab", "", "c"}), 3u);
  EXPECT_EQ(line.sent,
            "\x82\x03"
            "abc");
  EXPECT_EQ(line.writes, 1);
}

TEST_F(WebSocketTest, goes_on_where_the_socket_was_full) {
  const std::string first(300, 'a');
  const std::string frame = std::string("\x82\x7E\x01\x2C", 4) + first;
  for (size_t room = 0; room < 20; ++room) {
    line = {};
    SetUp();
    open();
    line.room = room;
    const size_t taken = write({first});
    EXPECT_EQ(line.sent, frame.substr(0, room));
    line.room = 1 << 20;
    ASSERT_EQ(transport->flush().kind, Kind::done);
    // The rest and what came since: the first frame is completed, another follows.
    EXPECT_EQ(write({first.substr(taken), "bc"}), 300 - taken + 2);
    // Nothing of the frame had gone: the two make one.
    if (room == 0) {
      EXPECT_EQ(line.sent, std::string("\x82\x7E\x01\x2E", 4) + first + "bc");
    } else {
      EXPECT_EQ(line.sent, frame +
                               "\x82\x02"
                               "bc")
          << room;
    }
  }
}

TEST_F(WebSocketTest, answers_a_ping_between_two_frames_only) {
  open();
  EXPECT_EQ(receive(TestFrame{.opcode = 9}("1") + TestFrame{.opcode = 9}("2")), "blocked");
  EXPECT_EQ(line.sent,
            "\x8A\x01"
            "2");
  line.sent.clear();
  line.room = 4;
  EXPECT_EQ(write({"abcd"}), 2u);
  EXPECT_EQ(receive(TestFrame{.opcode = 9}("3")), "blocked");
  EXPECT_EQ(receive(TestFrame{.opcode = 9}("4")), "blocked");
  EXPECT_FALSE(transport->wants_write());
  line.room = 1 << 20;
  EXPECT_EQ(write({"cd", "ef"}), 2u);
  EXPECT_TRUE(transport->wants_write());
  EXPECT_EQ(transport->flush().kind, Kind::done);
  EXPECT_EQ(write({"ef"}), 2u);
  EXPECT_EQ(line.sent,
            "\x82\x04"
            "abcd\x8A\x01"
            "4\x82\x02"
            "ef");
}

TEST_F(WebSocketTest, keeps_one_pong_for_a_client_that_does_not_read) {
  open();
  line.room = 3;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(receive(TestFrame{.opcode = 9}("ping " + std::to_string(i))), "blocked");
  }
  EXPECT_TRUE(transport->wants_write());
  line.room = 1 << 20;
  EXPECT_EQ(transport->flush().kind, Kind::done);
  EXPECT_EQ(line.sent,
            "\x8A\x06"
            "ping 0\x8A\x08"
            "ping 999");
}

TEST_F(WebSocketTest, answers_the_close_of_the_client_with_its_code) {
  open();
  EXPECT_EQ(receive(TestFrame{}("last") + TestFrame{.opcode = 8}("\x03\xE9")), "last");
  EXPECT_EQ(line.sent, "\x88\x02\x03\xE9");
  EXPECT_EQ(read(), "ended");
  static_cast<void>(transport->finish());
  EXPECT_EQ(line.sent, "\x88\x02\x03\xE9<end>");
}

TEST_F(WebSocketTest, closes_with_the_code_of_what_is_wrong) {
  open();
  EXPECT_EQ(receive(TestFrame{.opcode = 1}("text")),
            "failed: a text frame, where MQTT needs binary ones");
  EXPECT_EQ(line.sent, "\x88\x02\x03\xEB");
  std::string text = "x";
  const iovec slice{text.data(), text.size()};
  EXPECT_EQ(transport->write({&slice, 1}).kind, Kind::failed);
}

TEST_F(WebSocketTest, says_goodbye_at_the_end_but_not_within_a_frame) {
  open();
  static_cast<void>(transport->finish());
  EXPECT_EQ(line.sent, "\x88\x02\x03\xE8<end>");
  line = {};
  SetUp();
  open();
  line.room = 3;
  EXPECT_EQ(write({"abc"}), 1u);
  line.room = 100;
  static_cast<void>(transport->finish());
  EXPECT_EQ(line.sent,
            "\x82\x03"
            "a<end>");
}

TEST_F(WebSocketTest, takes_more_slices_in_several_writes) {
  open();
  const std::vector<std::string> texts(200, "x");
  EXPECT_EQ(write(texts), WebSocketTransport::kSlicesMax);
}

TEST_F(WebSocketTest, tells_the_forwarded_address) {
  std::string request(kTestUpgrade);
  request.insert(request.find("Host"), "X-Forwarded-For: 192.0.2.7\r\n");
  receive(request);
  EXPECT_EQ(transport->forwarded_for(), "192.0.2.7");
}

}  // namespace
}  // namespace tombo::net
