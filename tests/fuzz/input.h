#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace tombo::fuzz {

/// What libFuzzer gives a target, read from the front. Behind the end everything is 0 or empty, so
/// every input is a whole one.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  uint8_t u8() {
    const Bytes byte = take(1);
    return byte.empty() ? uint8_t{0} : byte[0];
  }

  uint16_t u16() {
    const uint8_t high = u8();
    return static_cast<uint16_t>(high << 8 | u8());
  }

  /// A number below `end`, which is at most 256, from one byte.
  uint8_t below(unsigned end) { return static_cast<uint8_t>(u8() % end); }

  /// The next `count` bytes, or what is left of them.
  Bytes take(size_t count) {
    const Bytes taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

  Bytes rest() { return take(rest_.size()); }

  /// The text up to the next `separator`, which is taken too, or to the end.
  std::string_view text_until(char separator) {
    const std::string_view all = as_text(rest_);
    const std::string_view text = all.substr(0, all.find(separator));
    take(text.size() + 1);
    return text;
  }

 private:
  Bytes rest_;
};

}  // namespace tombo::fuzz
