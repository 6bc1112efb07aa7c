#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/transport.h"
#include "net/websocket_frames.h"
#include "net/websocket_handshake.h"

namespace tombo::net {

/// WebSocket (RFC 6455), the broker's end, over TCP or TLS: the HTTP request that opens it, then
/// binary frames whose payload is the stream of MQTT. What is written at once leaves as one frame.
/// Home: as any Transport, one shard at a time.
/// Bound: settings.head_bytes_max while opening; then the answer to one ping, and what the socket
/// has not taken of a frame header or a control frame.
class WebSocketTransport final : public Transport {
 public:
  /// Slices that one write() takes at most; the rest is for the next one.
  static constexpr size_t kSlicesMax = 126;

  WebSocketTransport(std::unique_ptr<Transport> wire,
                     std::shared_ptr<const WebSocketSettings> settings);

  [[nodiscard]] int descriptor() const override { return wire_->descriptor(); }

  [[nodiscard]] IoResult read(std::span<uint8_t> into) override;
  [[nodiscard]] IoResult write(std::span<const iovec> slices) override;

  /// Sends a close frame, unless it would come in the middle of another one.
  [[nodiscard]] Socket finish() override;

  [[nodiscard]] bool wants_write() const override;
  [[nodiscard]] IoResult flush() override;

  [[nodiscard]] bool is_opening() const override { return wire_->is_opening(); }

  [[nodiscard]] std::string_view why_failed() const override;

  [[nodiscard]] std::string agreement() const override { return wire_->agreement(); }

  [[nodiscard]] std::optional<std::string> peer_name(PeerName which) const override {
    return wire_->peer_name(which);
  }

  [[nodiscard]] std::string_view forwarded_for() const override;

 private:
  enum class Stage : uint8_t { opening, open, ended, failed };

  /// What one write() sends.
  struct Outgoing {
    uint64_t old_bytes = 0;  ///< Of the frame under way.
    uint64_t new_bytes = 0;  ///< Of a new one, behind its header.
    size_t header_size = 0;
    std::array<uint8_t, kFrameHeaderBytesMax> header{};
  };

  size_t shake_hands(Bytes bytes);
  [[nodiscard]] IoResult take_frames(Bytes bytes, std::span<uint8_t> into);
  [[nodiscard]] IoResult ending() const;
  void say_close(WebSocketCode code);
  [[nodiscard]] IoResult note_written(const Outgoing& frame, size_t count);

  std::unique_ptr<Transport> wire_;
  std::shared_ptr<const WebSocketSettings> settings_;
  std::unique_ptr<WebSocketHandshake> handshake_;  // While opening.
  std::unique_ptr<std::string> forwarded_for_;
  WebSocketFrames frames_;
  std::vector<uint8_t> own_;   // Goes before anything else.
  std::vector<uint8_t> next_;  // Control frames for the next place between two frames.
  uint64_t frame_left_ = 0;    // Payload that the header of the frame under way has promised.
  Stage stage_ = Stage::opening;
  std::string failure_;
};

}  // namespace tombo::net
