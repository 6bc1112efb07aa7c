#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tombo::net {

/// Frames as a WebSocket client sends them, made without the code under test. For tests.
struct TestFrame {
  uint8_t opcode = 2;
  bool final = true;
  bool masked = true;
  uint8_t reserved = 0;  ///< The bits of 0x70.

  [[nodiscard]] std::string operator()(std::string_view payload) const {
    constexpr std::string_view kMask = "\x5A\x01\xFF\x80";
    std::string frame;
    frame += static_cast<char>((final ? 0x80 : 0) | reserved | opcode);
    const auto mask_bit = static_cast<uint8_t>(masked ? 0x80 : 0);
    size_t extended = 0;
    if (payload.size() < 126) {
      frame += static_cast<char>(mask_bit | payload.size());
    } else {
      extended = payload.size() < 65536 ? 2 : 8;
      frame += static_cast<char>(mask_bit | (extended == 2 ? 126 : 127));
    }
    for (size_t i = extended; i > 0; --i) {
      frame += static_cast<char>(payload.size() >> 8 * (i - 1) & 0xFF);
    }
    if (!masked) return frame.append(payload);
    frame += kMask;
    for (size_t i = 0; i < payload.size(); ++i) {
      frame += static_cast<char>(payload[i] ^ kMask[i % kMask.size()]);
    }
    return frame;
  }
};

inline constexpr std::string_view kTestUpgrade =
    "GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: mqtt\r\n\r\n";

}  // namespace tombo::net
