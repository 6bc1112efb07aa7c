#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/bytes.h"

struct wslay_frame_context;
struct wslay_frame_iocb;

namespace tombo::net {

/// Status codes of a close frame (RFC 6455, section 7.4.1) that are used here.
enum class WebSocketCode : uint16_t {
  normal = 1000,
  protocol_error = 1002,
  unsupported_data = 1003,
  message_too_big = 1009,
};

/// The frames of a WebSocket client, as they come in pieces of any size. The payload of binary
/// frames, in one piece or in many, is one stream of bytes: MQTT packets need not begin or end with
/// a frame [MQTT-6.0.0-2].
/// wslay reads the headers and the first bytes behind each. The rest of a payload is unmasked where
/// it lies: wslay would do it byte by byte in a buffer of its own, at 0.85 ns a byte. That buffer
/// makes its state 4.2 KB large, so it is kept between two reads only when one ends within a header
/// or right behind it.
/// Bound: kFrameBytesMax; nothing is gathered but the payload of a control frame, 125 bytes.
class WebSocketFrames {
 public:
  /// The payload of one frame: the largest MQTT packet.
  static constexpr uint64_t kFrameBytesMax = 268435460;

  /// What there was besides MQTT.
  struct Result {
    size_t count = 0;  ///< Bytes of payload.
    /// Payload of the last ping: a server may answer only that (RFC 6455, section 5.5.3).
    std::optional<std::vector<uint8_t>> ping{};
    /// Nothing more is taken. The client closes (`why` is empty), or it broke a rule.
    std::optional<WebSocketCode> close{};
    std::string_view why{};
  };

  WebSocketFrames();
  ~WebSocketFrames();
  WebSocketFrames(const WebSocketFrames&) = delete;
  WebSocketFrames& operator=(const WebSocketFrames&) = delete;

  /// Takes what has come and puts the payload of its data frames into `into`.
  /// Requires: room for as much as `bytes` has; `into` may overlap them, but not begin behind them.
  Result take(Bytes bytes, std::span<uint8_t> into);

 private:
  struct Free {
    void operator()(wslay_frame_context* context) const;
  };

  static ssize_t give(uint8_t* into, size_t size, int flags, void* self);
  static bool refuse(WebSocketCode code, std::string_view why, Result& result);
  bool take_piece(Result& result);
  bool take_rest(Result& result);
  bool check_header(const wslay_frame_iocb& frame, Result& result);
  uint8_t* room_for(size_t count, Result& result);
  void end_frame(Result& result);

  std::unique_ptr<wslay_frame_context, Free> context_;
  uint64_t left_ = 0;              // Of the payload of this frame.
  std::array<uint8_t, 4> mask_{};  // For the next bytes of it.
  uint8_t opcode_ = 0;
  bool in_payload_ = false;
  bool masked_ = false;      // The rest of the payload does not go through wslay.
  bool in_message_ = false;  // A fragmented one.
  std::vector<uint8_t> control_;

  // Of the take() under way.
  Bytes input_;
  std::span<uint8_t> into_;
  size_t held_ = 0;  // Bytes that wslay has been given and that are of no frame yet.
};

inline constexpr size_t kFrameHeaderBytesMax = 10;

/// The header of an unmasked frame, final and alone, as a server sends it; gives its size.
/// Requires: room for kFrameHeaderBytesMax.
size_t write_frame_header(uint8_t opcode, uint64_t payload_size, std::span<uint8_t> into);

}  // namespace tombo::net
