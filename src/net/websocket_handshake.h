#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace tombo::net {

/// What a listener wants of WebSocket clients.
struct WebSocketSettings {
  /// Bound of the request head, in bytes.
  size_t head_bytes_max = 4096;
  /// What a client's Origin header may say, exactly; none: anything. Clients that are no browsers
  /// send none and are let in.
  std::vector<std::string> origins{};
};

/// The server's end of the opening handshake of RFC 6455, section 4.2, with HTTP's errors made
/// helpful. Pure: bytes in, an answer out.
/// Bound: settings.head_bytes_max of what was taken.
/// ```
/// size_t taken = handshake.take(bytes);   // Less than all: the rest are frames.
/// if (handshake.state() != WebSocketHandshake::State::reading) send(handshake.answer());
/// ```
class WebSocketHandshake {
 public:
  enum class State : uint8_t {
    reading,   ///< The head has not ended.
    accepted,  ///< answer() switches protocols.
    refused,   ///< answer() says why, for whoever looks at it there; why() for the log.
  };

  /// `settings` outlive it.
  explicit WebSocketHandshake(const WebSocketSettings& settings);
  ~WebSocketHandshake();
  WebSocketHandshake(const WebSocketHandshake&) = delete;
  WebSocketHandshake& operator=(const WebSocketHandshake&) = delete;

  /// Returns how many of the bytes belong to the head. Requires: State::reading.
  size_t take(Bytes bytes);

  [[nodiscard]] State state() const { return state_; }

  /// Bytes for the client; empty while reading, and when it speaks no HTTP.
  [[nodiscard]] std::string_view answer() const { return answer_; }

  /// Why it was refused.
  [[nodiscard]] std::string_view why() const { return why_; }

  /// The first address of X-Forwarded-For; empty: there was none, or it is not an address.
  [[nodiscard]] std::string_view forwarded_for() const { return forwarded_for_; }

 private:
  class Parser;

  void refuse_first_byte(uint8_t first);
  void judge();
  void refuse(std::string_view status, std::string why, std::string_view headers = {});
  [[nodiscard]] bool knows_origin() const;

  const WebSocketSettings& settings_;
  std::unique_ptr<Parser> parser_;
  State state_ = State::reading;
  size_t taken_ = 0;
  std::string answer_;
  std::string why_;
  std::string forwarded_for_;
};

}  // namespace tombo::net
