#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "fuzz/input.h"
#include "net/websocket_frames.h"
#include "net/websocket_handshake.h"

/// What a WebSocket client sends: as a whole and in pieces it must come to the same. Input: the
/// bound of the request head, the size of a piece, then the request and, behind its end, frames.
namespace tombo::fuzz {
namespace {

using net::WebSocketFrames;
using net::WebSocketHandshake;
using State = WebSocketHandshake::State;

/// What came of the request and the frames.
struct Outcome {
  State state = State::reading;
  std::string answer;
  std::string why;
  std::string forwarded_for;
  std::string payload;
  std::optional<std::vector<uint8_t>> last_ping;
  unsigned code = 0;
  std::string frame_why;

  bool operator==(const Outcome&) const = default;
};

/// A client whose bytes come in pieces.
class Client {
 public:
  explicit Client(const net::WebSocketSettings& settings) : handshake_(settings) {}

  void send(Bytes bytes) {
    if (handshake_.state() == State::reading) bytes = bytes.subspan(shake_hands(bytes));
    if (handshake_.state() != State::accepted || outcome.code != 0) return;
    std::vector<uint8_t> memory(bytes.begin(), bytes.end());
    const WebSocketFrames::Result result = frames_.take(memory, memory);
    CHECK(result.count <= memory.size());
    outcome.payload += as_text(Bytes(memory).first(result.count));
    if (result.ping) outcome.last_ping = result.ping;
    if (!result.close) return;
    outcome.code = static_cast<unsigned>(*result.close);
    CHECK(outcome.code >= 1000 && outcome.code < 5000);
    outcome.frame_why = result.why;
  }

  Outcome outcome;

 private:
  size_t shake_hands(Bytes bytes) {
    const size_t count = handshake_.take(bytes);
    CHECK(count <= bytes.size());
    outcome.state = handshake_.state();
    outcome.answer = handshake_.answer();
    outcome.why = handshake_.why();
    outcome.forwarded_for = handshake_.forwarded_for();
    for (const char each : outcome.why) CHECK(each >= ' ' && each <= '~');
    return count;
  }

  WebSocketHandshake handshake_;
  WebSocketFrames frames_;
};

void run(Input input) {
  const net::WebSocketSettings settings{
      .head_bytes_max = size_t{1} + input.u16(),
      .origins = {"http://a"},
  };
  const size_t piece = size_t{1} + input.u8();
  const Bytes bytes = input.rest();
  Client whole(settings);
  whole.send(bytes);
  Client pieces(settings);
  for (size_t at = 0; at < bytes.size(); at += piece) {
    pieces.send(bytes.subspan(at, std::min(piece, bytes.size() - at)));
  }
  CHECK(whole.outcome == pieces.outcome);
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}
