#include "net/websocket_frames.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <wslay/wslay.h>

#include "base/check.h"

namespace tombo::net {
namespace {

/// What wslay is given at once: the longest header, and of the payload as much as the mask has.
constexpr size_t kGiveMax = 14 + 4;

size_t header_size(const wslay_frame_iocb& frame) {
  const size_t extended = frame.payload_length < 126 ? 0 : frame.payload_length < 65536 ? 2 : 8;
  return 2 + extended + (frame.mask != 0 ? 4 : 0);
}

/// `mask` is of the first of the bytes. `to` may overlap them if it is not behind them.
void unmask(Bytes from, const std::array<uint8_t, 4>& mask, uint8_t* to) {
  std::array<uint8_t, 8> twice{};
  std::ranges::copy(mask, twice.begin());
  std::ranges::copy(mask, twice.begin() + 4);
  uint64_t pattern = 0;
  std::memcpy(&pattern, twice.data(), sizeof pattern);
  size_t at = 0;
  for (; at + 8 <= from.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, from.data() + at, sizeof word);
    word ^= pattern;
    std::memcpy(to + at, &word, sizeof word);
  }
  for (; at < from.size(); ++at) to[at] = from[at] ^ mask[at % 4];
}

/// What a peer may say in a close frame.
bool is_close_code(unsigned code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

WebSocketFrames::WebSocketFrames() = default;
WebSocketFrames::~WebSocketFrames() = default;

void WebSocketFrames::Free::operator()(wslay_frame_context* context) const {
  ::wslay_frame_context_free(context);
}

ssize_t WebSocketFrames::give(uint8_t* into, size_t size, int /*flags*/, void* self) {
  auto& frames = *static_cast<WebSocketFrames*>(self);
  const size_t count = std::min({size, kGiveMax, frames.input_.size()});
  std::ranges::copy(frames.input_.first(count), into);
  frames.input_ = frames.input_.subspan(count);
  frames.held_ += count;
  return static_cast<ssize_t>(count);
}

WebSocketFrames::Result WebSocketFrames::take(Bytes bytes, std::span<uint8_t> into) {
  input_ = bytes;
  into_ = into;
  Result result;
  bool more = true;
  while (more && !result.close) more = masked_ ? take_rest(result) : take_piece(result);
  if (!in_payload_ && held_ == 0) context_.reset();
  input_ = {};
  into_ = {};
  return result;
}

/// A header, or what wslay has of a payload. False: nothing more has come.
bool WebSocketFrames::take_piece(Result& result) {
  if (context_ == nullptr) {
    if (input_.empty()) return false;
    const wslay_frame_callbacks callbacks{
        .send_callback = nullptr, .recv_callback = &give, .genmask_callback = nullptr};
    wslay_frame_context* made = nullptr;
    CHECK(::wslay_frame_context_init(&made, &callbacks, this) == 0, "no memory for WebSocket");
    context_.reset(made);
  }
  wslay_frame_iocb frame{};
  const ssize_t got = ::wslay_frame_recv(context_.get(), &frame);
  if (got == WSLAY_ERR_WANT_READ) return false;
  if (got < 0) return refuse(WebSocketCode::protocol_error, "a frame with a wrong header", result);
  if (!in_payload_) {
    if (!check_header(frame, result)) return false;
    in_payload_ = true;
    left_ = frame.payload_length;
    opcode_ = frame.opcode;
    if (!wslay_is_ctrl_frame(opcode_)) in_message_ = frame.fin == 0;
    held_ -= header_size(frame);
  }
  const Bytes plain(frame.data, frame.data_length);
  held_ -= plain.size();
  left_ -= plain.size();
  if (left_ != 0 && plain.size() >= mask_.size()) {
    // wslay has nothing left, and does not tell the mask: it is what it has changed in the last
    // bytes, which still stand before the input.
    const uint8_t* masked = input_.data() - mask_.size();
    const uint8_t* clear = plain.data() + plain.size() - mask_.size();
    for (size_t i = 0; i < mask_.size(); ++i) mask_[i] = masked[i] ^ clear[i];
    masked_ = true;
  }
  std::ranges::copy(plain, room_for(plain.size(), result));
  if (masked_) context_.reset();
  if (left_ == 0) end_frame(result);
  return true;
}

/// The payload that wslay does not see. False: nothing more has come.
bool WebSocketFrames::take_rest(Result& result) {
  if (input_.empty()) return false;
  const size_t count = static_cast<size_t>(std::min<uint64_t>(left_, input_.size()));
  unmask(input_.first(count), mask_, room_for(count, result));
  std::rotate(mask_.begin(), mask_.begin() + static_cast<ptrdiff_t>(count % mask_.size()),
              mask_.end());
  input_ = input_.subspan(count);
  left_ -= count;
  if (left_ == 0) end_frame(result);
  return true;
}

/// Where the next bytes of the payload belong.
uint8_t* WebSocketFrames::room_for(size_t count, Result& result) {
  if (wslay_is_ctrl_frame(opcode_)) {
    const size_t before = control_.size();
    control_.resize(before + count);  // wslay has checked the size.
    return control_.data() + before;
  }
  uint8_t* room = into_.data() + result.count;
  result.count += count;
  return room;
}

bool WebSocketFrames::refuse(WebSocketCode code, std::string_view why, Result& result) {
  result.close = code;
  result.why = why;
  return false;
}

bool WebSocketFrames::check_header(const wslay_frame_iocb& frame, Result& result) {
  using enum WebSocketCode;
  if (frame.mask == 0) return refuse(protocol_error, "a frame without a mask", result);
  if (frame.rsv != WSLAY_RSV_NONE) {
    return refuse(protocol_error, "a frame with reserved bits", result);
  }
  switch (frame.opcode) {
    case WSLAY_CONTINUATION_FRAME:
      if (!in_message_) return refuse(protocol_error, "a continuation of nothing", result);
      break;
    case WSLAY_BINARY_FRAME:
      if (in_message_) {
        return refuse(protocol_error, "a new message within a fragmented one", result);
      }
      break;
    // [MQTT-6.0.0-1]
    case WSLAY_TEXT_FRAME:
      return refuse(unsupported_data, "a text frame, where MQTT needs binary ones", result);
    case WSLAY_CONNECTION_CLOSE:
    case WSLAY_PING:
    case WSLAY_PONG:
      break;
    default:
      return refuse(protocol_error, "a frame of an unknown kind", result);
  }
  if (frame.payload_length > kFrameBytesMax) {
    return refuse(message_too_big, "a frame that is too big", result);
  }
  return true;
}

void WebSocketFrames::end_frame(Result& result) {
  in_payload_ = masked_ = false;
  std::vector<uint8_t> control = std::exchange(control_, {});
  if (opcode_ == WSLAY_PING) {
    result.ping = std::move(control);
  } else if (opcode_ == WSLAY_CONNECTION_CLOSE) {
    ByteReader reader(control);
    const uint16_t code = control.empty() ? uint16_t{1000} : reader.u16();
    if (is_close_code(code)) {
      result.close = static_cast<WebSocketCode>(code);
    } else {
      static_cast<void>(
          refuse(WebSocketCode::protocol_error, "a close frame with a wrong code", result));
    }
  }
}

size_t write_frame_header(uint8_t opcode, uint64_t payload_size, std::span<uint8_t> into) {
  DCHECK(into.size() >= kFrameHeaderBytesMax);
  into[0] = static_cast<uint8_t>(0x80 | opcode);
  size_t extended = 0;
  if (payload_size < 126) {
    into[1] = static_cast<uint8_t>(payload_size);
  } else if (payload_size < 65536) {
    into[1] = 126;
    extended = 2;
  } else {
    into[1] = 127;
    extended = 8;
  }
  for (size_t i = 0; i < extended; ++i) {
    into[2 + i] = static_cast<uint8_t>(payload_size >> 8 * (extended - 1 - i));
  }
  return 2 + extended;
}

}  // namespace tombo::net
