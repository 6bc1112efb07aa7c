#include "net/websocket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

#include <wslay/wslay.h>

#include "base/check.h"

namespace tombo::net {
namespace {

using Kind = IoResult::Kind;

/// Puts together what one write() sends: the rest of the frame under way, a header, a new frame.
class Gathered {
 public:
  // NOLINTNEXTLINE(*-member-init): out_ is written before it is read, and has 2 KiB.
  explicit Gathered(std::span<const iovec> slices) : slices_(slices) {}

  /// Adds the next `size` bytes of the slices. Requires: they have as many.
  void add(uint64_t size) {
    while (size > 0) {
      const iovec& slice = slices_.front();
      const size_t part = static_cast<size_t>(std::min<uint64_t>(size, slice.iov_len - used_));
      add({static_cast<uint8_t*>(slice.iov_base) + used_, part});
      size -= part;
      used_ += part;
      if (used_ < slice.iov_len) continue;
      slices_ = slices_.subspan(1);
      used_ = 0;
    }
  }

  void add(std::span<uint8_t> bytes) { out_[count_++] = {bytes.data(), bytes.size()}; }

  [[nodiscard]] std::span<const iovec> slices() const { return std::span(out_).first(count_); }

 private:
  std::span<const iovec> slices_;
  size_t used_ = 0;  // Of the first slice.
  // A header besides, and a slice in two pieces.
  std::array<iovec, WebSocketTransport::kSlicesMax + 2> out_;
  size_t count_ = 0;
};

uint64_t size_of(std::span<const iovec> slices) {
  uint64_t size = 0;
  for (const iovec& slice : slices) size += slice.iov_len;
  return size;
}

void append_control_frame(uint8_t opcode, Bytes payload, std::vector<uint8_t>& to) {
  std::array<uint8_t, kFrameHeaderBytesMax> header{};
  const size_t size = write_frame_header(opcode, payload.size(), header);
  to.insert(to.end(), header.begin(), header.begin() + static_cast<ptrdiff_t>(size));
  to.insert(to.end(), payload.begin(), payload.end());
}

}  // namespace

WebSocketTransport::WebSocketTransport(std::unique_ptr<Transport> wire,
                                       std::shared_ptr<const WebSocketSettings> settings)
    : wire_(std::move(wire)),
      settings_(std::move(settings)),
      handshake_(std::make_unique<WebSocketHandshake>(*settings_)) {}

IoResult WebSocketTransport::read(std::span<uint8_t> into) {
  if (stage_ == Stage::ended || stage_ == Stage::failed) return ending();
  const IoResult got = wire_->read(into);
  if (got.kind != Kind::done) return got;
  Bytes bytes = into.first(got.count);
  if (stage_ == Stage::opening) {
    bytes = bytes.subspan(shake_hands(bytes));
    if (stage_ == Stage::failed) return ending();
    if (stage_ == Stage::opening) return {.kind = Kind::blocked};
  }
  return take_frames(bytes, into);
}

/// Gives the number of bytes that belong to it.
size_t WebSocketTransport::shake_hands(Bytes bytes) {
  const size_t count = handshake_->take(bytes);
  if (handshake_->state() == WebSocketHandshake::State::reading) return count;
  const Bytes answer = as_bytes(handshake_->answer());
  own_.assign(answer.begin(), answer.end());
  if (!handshake_->forwarded_for().empty()) {
    forwarded_for_ = std::make_unique<std::string>(handshake_->forwarded_for());
  }
  if (handshake_->state() == WebSocketHandshake::State::accepted) {
    stage_ = Stage::open;
  } else {
    stage_ = Stage::failed;
    failure_ = handshake_->why();
  }
  handshake_.reset();
  static_cast<void>(flush());  // A socket that is lost says so to the next read.
  return count;
}

IoResult WebSocketTransport::take_frames(Bytes bytes, std::span<uint8_t> into) {
  const WebSocketFrames::Result found = frames_.take(bytes, into);
  if (found.ping) {
    // A pong that still waits is not needed any more.
    next_.clear();
    append_control_frame(WSLAY_PONG, *found.ping, next_);
  }
  if (found.close) {
    say_close(*found.close);
    stage_ = found.why.empty() ? Stage::ended : Stage::failed;
    failure_ = found.why;
  }
  if (wants_write()) {
    const IoResult flushed = flush();
    if (flushed.kind == Kind::failed) return flushed;
  }
  if (found.count == 0) return stage_ == Stage::open ? IoResult{.kind = Kind::blocked} : ending();
  // The end is told by the next read. The socket may stay silent until then, and the loop must find
  // it readable all the same.
  if (stage_ != Stage::open) ::shutdown(descriptor(), SHUT_RD);
  return {.count = found.count};
}

IoResult WebSocketTransport::ending() const {
  if (stage_ == Stage::ended) return {.kind = Kind::ended};
  return {.kind = Kind::failed, .error = EPROTO};
}

void WebSocketTransport::say_close(WebSocketCode code) {
  const auto number = static_cast<uint16_t>(code);
  const std::array<uint8_t, 2> payload{static_cast<uint8_t>(number >> 8),
                                       static_cast<uint8_t>(number)};
  append_control_frame(WSLAY_CONNECTION_CLOSE, payload, next_);
}

IoResult WebSocketTransport::write(std::span<const iovec> slices) {
  // Whoever talks to a client waits for its first packet.
  DCHECK(stage_ != Stage::opening);
  if (stage_ != Stage::open) return {.kind = Kind::failed, .error = EPIPE};
  if (wants_write()) {
    if (const IoResult flushed = flush(); flushed.kind != Kind::done) return flushed;
  }
  slices = slices.first(std::min(slices.size(), kSlicesMax));
  const uint64_t size = size_of(slices);
  Outgoing frame{.old_bytes = std::min(frame_left_, size)};
  // A control frame that waits for the end of a frame goes before the next one.
  if (next_.empty()) frame.new_bytes = size - frame.old_bytes;
  Gathered gathered(slices);
  gathered.add(frame.old_bytes);
  if (frame.new_bytes > 0) {
    frame.header_size = write_frame_header(WSLAY_BINARY_FRAME, frame.new_bytes, frame.header);
    gathered.add(std::span(frame.header).first(frame.header_size));
    gathered.add(frame.new_bytes);
  }
  const IoResult written = wire_->write(gathered.slices());
  if (written.kind != Kind::done) return written;
  return note_written(frame, written.count);
}

/// `count` bytes of it have gone. What of the header has not is kept, the payload is the caller's.
IoResult WebSocketTransport::note_written(const Outgoing& frame, size_t count) {
  const size_t old_bytes = static_cast<size_t>(std::min<uint64_t>(frame.old_bytes, count));
  frame_left_ -= old_bytes;
  count -= old_bytes;
  size_t taken = old_bytes;
  if (count > 0) {
    const size_t header_bytes = std::min(frame.header_size, count);
    const std::span<const uint8_t> header = std::span(frame.header).first(frame.header_size);
    const std::span<const uint8_t> rest = header.subspan(header_bytes);
    own_.assign(rest.begin(), rest.end());
    taken += count - header_bytes;
    frame_left_ = frame.new_bytes - (count - header_bytes);
  }
  if (taken == 0) return {.kind = Kind::blocked};
  return {.count = taken};
}

bool WebSocketTransport::wants_write() const {
  return !own_.empty() || (frame_left_ == 0 && !next_.empty()) || wire_->wants_write();
}

IoResult WebSocketTransport::flush() {
  while (!own_.empty() || (frame_left_ == 0 && !next_.empty())) {
    if (own_.empty()) own_.swap(next_);
    const iovec slice{own_.data(), own_.size()};
    const IoResult written = wire_->write({&slice, 1});
    if (written.kind != Kind::done) return written;
    own_.erase(own_.begin(), own_.begin() + static_cast<ptrdiff_t>(written.count));
  }
  own_.shrink_to_fit();
  return wire_->wants_write() ? wire_->flush() : IoResult();
}

Socket WebSocketTransport::finish() {
  if (stage_ == Stage::open) say_close(WebSocketCode::normal);
  static_cast<void>(flush());
  return wire_->finish();
}

std::string_view WebSocketTransport::why_failed() const {
  return stage_ == Stage::failed ? std::string_view(failure_) : wire_->why_failed();
}

std::string_view WebSocketTransport::forwarded_for() const {
  return forwarded_for_ == nullptr ? std::string_view() : std::string_view(*forwarded_for_);
}

}  // namespace tombo::net
