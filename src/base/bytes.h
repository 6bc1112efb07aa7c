#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tombo {

using Bytes = std::span<const uint8_t>;

/// The same memory seen as characters.
[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The same memory seen as bytes.
[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// Lower-case hexadecimal digits without separators: {0xca, 0xfe} → "cafe".
[[nodiscard]] std::string hex(Bytes bytes);

/// Reads big-endian numbers and slices from the front of a buffer that outlives it.
/// A read past the end fails and so does every later one: they return 0 or an empty slice and
/// nothing is left, so a parser may read a whole structure and ask ok() once.
///   ByteReader reader(frame);
///   uint16_t size = reader.u16();
///   Bytes name = reader.bytes(size);
///   if (!reader.ok()) return Reason::malformed_packet;
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes)
      : begin_(bytes.data()), cursor_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] uint8_t u8() {
    const uint8_t* p = take(1);
    return p == nullptr ? uint8_t{0} : p[0];
  }

  [[nodiscard]] uint16_t u16() {
    const uint8_t* p = take(2);
    return p == nullptr ? uint16_t{0} : static_cast<uint16_t>(p[0] << 8 | p[1]);
  }

  [[nodiscard]] uint32_t u32() {
    const uint8_t* p = take(4);
    if (p == nullptr) return 0;
    return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
  }

  /// The next `n` bytes as a view of the buffer.
  [[nodiscard]] Bytes bytes(size_t n) {
    const uint8_t* p = take(n);
    return p == nullptr ? Bytes() : Bytes(p, n);
  }

  /// All that is left.
  [[nodiscard]] Bytes rest() { return bytes(remaining()); }

  void skip(size_t n) { static_cast<void>(take(n)); }

  /// Bytes not yet read; 0 after a failure.
  [[nodiscard]] size_t remaining() const { return static_cast<size_t>(end_ - cursor_); }

  /// Bytes read so far; after a failure: where the read began that failed first.
  [[nodiscard]] size_t position() const { return static_cast<size_t>(cursor_ - begin_); }

  [[nodiscard]] bool ok() const { return ok_; }

 private:
  const uint8_t* take(size_t n) {
    if (n > remaining()) {
      ok_ = false;
      end_ = cursor_;
      return nullptr;
    }
    const uint8_t* p = cursor_;
    cursor_ += n;
    return p;
  }

  const uint8_t* begin_;
  const uint8_t* cursor_;
  const uint8_t* end_;
  bool ok_ = true;
};

/// Appends big-endian numbers and slices to a vector that outlives it.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<uint8_t>& out) : out_(out) {}

  void u8(uint8_t value) { out_.push_back(value); }

  void u16(uint16_t value) {
    const uint8_t raw[] = {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
    bytes(raw);
  }

  void u32(uint32_t value) {
    const uint8_t raw[] = {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
                           static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
    bytes(raw);
  }

  void bytes(Bytes value) { out_.insert(out_.end(), value.begin(), value.end()); }

  /// The characters alone, without a length in front.
  void text(std::string_view value) { bytes(as_bytes(value)); }

 private:
  std::vector<uint8_t>& out_;
};

}  // namespace tombo
