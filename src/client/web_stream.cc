#include "client/web_stream.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <sys/random.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <openssl/sha.h>

#include "base/base64.h"
#include "base/bytes.h"
#include "base/check.h"

namespace tombo::client {
namespace {

using Kind = Stream::Moved::Kind;

constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kMasked = 0x80;
constexpr uint8_t kContinuation = 0;
constexpr uint8_t kBinary = 2;
constexpr uint8_t kClose = 8;
constexpr uint8_t kPing = 9;
constexpr uint8_t kPong = 10;
constexpr size_t kControlMax = 125;
constexpr size_t kAnswerMax = 8192;
/// Frames are made of that much at most, so that a copy of it is enough.
constexpr size_t kFrameMax = size_t{64} << 10;
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

Error web_error(std::string text) {
  return {.kind = ErrorKind::network, .text = "WebSocket: " + std::move(text)};
}

std::string base64(Bytes bytes) {
  return to_base64(as_text(bytes), Padding::equals_signs);
}

void fill_random(std::span<uint8_t> bytes) {
  CHECK(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
}

class WebStream final : public Stream {
 public:
  explicit WebStream(std::unique_ptr<Stream> below) : below_(std::move(below)) {}

  [[nodiscard]] int descriptor() const override { return below_->descriptor(); }

  [[nodiscard]] bool wants_write() const override { return written_ < out_.size(); }

  [[nodiscard]] bool has_read_ahead() const override { return below_->has_read_ahead(); }

  /// The opening handshake.
  Error ask(const Target& target, const Patience& patience) {
    std::array<uint8_t, 16> nonce{};
    fill_random(nonce);
    const std::string key = base64(nonce);
    const std::string request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n"
        "\r\n",
        target.web_path, target.host, target.port, key);
    if (Error failed = patience.write_all(*below_, as_bytes(request))) return failed;
    std::string answer;
    while (!answer.ends_with("\r\n\r\n")) {
      if (answer.size() == kAnswerMax) return web_error("the answer is too long");
      uint8_t byte = 0;
      if (Error failed = patience.read_all(*below_, std::span(&byte, 1))) return failed;
      answer += static_cast<char>(byte);
    }
    return check(answer, key);
  }

  [[nodiscard]] Moved read(std::span<uint8_t> into) override {
    Moved moved = below_->read(into);
    if (moved.kind != Kind::done) return moved;
    const size_t count = take(into.first(moved.count));
    if (failed_) return {Kind::failed, 0, failed_};
    if (ended_) return {Kind::ended, 0, {}};
    // Nothing but parts of frames: as if nothing had come.
    return count == 0 ? Moved{Kind::blocked, 0, {}} : Moved{Kind::done, count, {}};
  }

  [[nodiscard]] Moved write(std::span<const uint8_t> bytes) override {
    if (Moved moved = flush(); moved.kind != Kind::done || bytes.empty()) return moved;
    const size_t count = std::min(bytes.size(), kFrameMax);
    add_frame(kBinary, bytes.first(count));
    Moved moved = flush();
    // The frame is taken, also when some of it waits.
    if (moved.kind == Kind::failed || moved.kind == Kind::ended) return moved;
    return {Kind::done, count, {}};
  }

 private:
  static Error check(const std::string& answer, const std::string& key) {
    const std::string line = answer.substr(0, answer.find('\r'));
    if (!answer.starts_with("HTTP/1.1 101 ")) return web_error("the broker answers " + line);
    std::array<uint8_t, SHA_DIGEST_LENGTH> digest{};
    const std::string both = key + std::string(kGuid);
    SHA1(reinterpret_cast<const uint8_t*>(both.data()), both.size(), digest.data());
    if (answer.find(base64(digest)) == std::string::npos) {
      return web_error("the broker answers with a wrong key");
    }
    return {};
  }

  /// Puts the payload of data frames to the front of `bytes`; gives how much that is.
  size_t take(std::span<uint8_t> bytes) {
    size_t kept = 0;
    size_t at = 0;
    while (at < bytes.size() && !failed_ && !ended_) {
      if (left_ == 0 && !in_frame_) {
        head_.push_back(bytes[at++]);
        begin_frame();
        continue;
      }
      const auto count = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size() - at));
      const std::span<uint8_t> part = bytes.subspan(at, count);
      if (opcode_ >= kClose) {
        control_.insert(control_.end(), part.begin(), part.end());
      } else {
        std::memmove(bytes.data() + kept, part.data(), count);
        kept += count;
      }
      at += count;
      left_ -= count;
      if (left_ == 0) end_frame();
    }
    return kept;
  }

  /// Looks whether the head of a frame is whole.
  void begin_frame() {
    if (head_.size() < 2) return;
    const uint8_t size = head_[1] & 0x7F;
    const size_t needed = size == 126 ? 4 : size == 127 ? 10 : 2;
    if (head_.size() < needed) return;
    left_ = size;
    if (needed > 2) {
      left_ = 0;
      for (size_t i = 2; i < needed; ++i) left_ = left_ << 8 | head_[i];
    }
    opcode_ = head_[0] & 0x0F;
    const bool known = opcode_ == kContinuation || opcode_ == kBinary || opcode_ == kClose ||
                       opcode_ == kPing || opcode_ == kPong;
    const bool masked = (head_[1] & kMasked) != 0;
    if (!known || masked || (opcode_ >= kClose && left_ > kControlMax)) {
      failed_ = web_error("the broker sends a frame that is not right");
      return;
    }
    in_frame_ = true;
    head_.clear();
    if (left_ == 0) end_frame();
  }

  void end_frame() {
    in_frame_ = false;
    if (opcode_ == kPing) add_frame(kPong, control_);
    if (opcode_ == kClose) ended_ = true;
    control_.clear();
  }

  void add_frame(uint8_t opcode, std::span<const uint8_t> payload) {
    ByteWriter writer(out_);
    writer.u8(kFinal | opcode);
    if (payload.size() < 126) {
      writer.u8(static_cast<uint8_t>(kMasked | payload.size()));
    } else if (payload.size() <= UINT16_MAX) {
      writer.u8(kMasked | 126);
      writer.u16(static_cast<uint16_t>(payload.size()));
    } else {
      writer.u8(kMasked | 127);
      writer.u32(0);
      writer.u32(static_cast<uint32_t>(payload.size()));
    }
    std::array<uint8_t, 4> mask{};
    fill_random(mask);
    writer.bytes(mask);
    const size_t at = out_.size();
    writer.bytes(payload);
    for (size_t i = 0; i < payload.size(); ++i) out_[at + i] ^= mask.at(i % mask.size());
  }

  Moved flush() {
    while (written_ < out_.size()) {
      Moved moved = below_->write(std::span(out_).subspan(written_));
      if (moved.kind != Kind::done) return moved;
      written_ += moved.count;
    }
    out_.clear();
    written_ = 0;
    return {Kind::done, 0, {}};
  }

  std::unique_ptr<Stream> below_;
  std::vector<uint8_t> out_;
  size_t written_ = 0;
  std::vector<uint8_t> head_;  // Of a frame, while it is incomplete.
  std::vector<uint8_t> control_;
  uint64_t left_ = 0;  // Of the payload of the frame.
  uint8_t opcode_ = 0;
  bool in_frame_ = false;
  bool ended_ = false;
  Error failed_;
};

}  // namespace

Opened open_web_socket(std::unique_ptr<Stream> below, const Target& target,
                       const Patience& patience) {
  auto stream = std::make_unique<WebStream>(std::move(below));
  Opened opened;
  opened.error = stream->ask(target, patience);
  if (!opened.error) opened.stream = std::move(stream);
  return opened;
}

}  // namespace tombo::client
