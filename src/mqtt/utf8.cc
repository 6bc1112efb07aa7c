#include "mqtt/utf8.h"

#include <cstdint>
#include <cstring>

namespace tombo::mqtt {

namespace {

constexpr uint64_t kOnes = 0x0101'0101'0101'0101;
constexpr uint64_t kHighBits = kOnes * 0x80;

/// What a scan lets through besides well-formed UTF-8.
struct Rules {
  bool controls;   ///< U+0000..U+001F, U+007F..U+009F and non-characters are data
  bool wildcards;  ///< `+` and `#` may stand there
};

/// Eight bytes at once: may any of them need a closer look? High bits of the result, exact in
/// whether there are any, not in which bytes they stand (a subtraction borrows from its neighbour).
template <Rules kRules>
uint64_t suspects(uint64_t word) {
  uint64_t found = word;
  if constexpr (!kRules.controls) {
    found |= word - kOnes * 0x20;  // Below 0x20 the subtraction borrows.
    found |= word + kOnes;         // 0x7F carries into the high bit.
  }
  if constexpr (!kRules.wildcards) {
    // Zero where the byte is the wildcard; the others stay between 1 and 0x7F.
    found |= (word ^ (kOnes * '+')) - kOnes;
    found |= (word ^ (kOnes * '#')) - kOnes;
  }
  return found & kHighBits;
}

template <Rules kRules>
bool valid_ascii(uint8_t byte) {
  if (!kRules.controls && (byte < 0x20 || byte == 0x7F)) return false;
  return kRules.wildcards || (byte != '+' && byte != '#');
}

bool is_continuation(uint8_t byte) {
  return (byte & 0xC0) == 0x80;
}

/// Length of the character of three bytes at `at`, or 0 when it is not well-formed (Unicode, table
/// 3-7) or, unless `controls`, is one that the broker does not accept.
size_t three_bytes(const uint8_t* at, size_t left, bool controls) {
  if (left < 3 || !is_continuation(at[1]) || !is_continuation(at[2])) return 0;
  if (at[0] == 0xE0 && at[1] < 0xA0) return 0;   // Overlong.
  if (at[0] == 0xED && at[1] >= 0xA0) return 0;  // Surrogates [MQTT-1.5.4-1].
  if (controls || at[0] != 0xEF) return 3;
  if (at[1] == 0xB7 && at[2] >= 0x90 && at[2] <= 0xAF) return 0;  // U+FDD0..U+FDEF
  return at[1] == 0xBF && at[2] >= 0xBE ? 0 : 3;                  // U+FFFE, U+FFFF
}

/// The same for four bytes.
size_t four_bytes(const uint8_t* at, size_t left, bool controls) {
  if (at[0] > 0xF4 || left < 4) return 0;
  if (!is_continuation(at[1]) || !is_continuation(at[2]) || !is_continuation(at[3])) return 0;
  if (at[0] == 0xF0 && at[1] < 0x90) return 0;   // Overlong.
  if (at[0] == 0xF4 && at[1] >= 0x90) return 0;  // Over U+10FFFF.
  if (controls) return 4;
  // U+1FFFE, U+1FFFF and their likes in every plane.
  return (at[1] & 0x0F) == 0x0F && at[2] == 0xBF && at[3] >= 0xBE ? 0 : 4;
}

/// The same for a character of any length but one.
inline size_t character(const uint8_t* at, size_t left, bool controls) {
  const uint8_t first = at[0];
  if (first >= 0xF0) return four_bytes(at, left, controls);
  if (first >= 0xE0) return three_bytes(at, left, controls);
  if (first < 0xC2) return 0;  // A continuation byte, or overlong.
  if (left < 2 || !is_continuation(at[1])) return 0;
  if (!controls && first == 0xC2 && at[1] < 0xA0) return 0;  // U+0080..U+009F
  return 2;
}

template <Rules kRules>
bool scan(std::string_view text) {
  const auto* at = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* const end = at + text.size();
  while (at != end) {
    while (end - at >= 8) {
      uint64_t word = 0;
      std::memcpy(&word, at, 8);
      if (suspects<kRules>(word) != 0) break;
      at += 8;
    }
    // The last eight bytes, some of them for the second time: a character cut by the boundary shows
    // its high bits and goes the long way.
    if (end - at < 8 && text.size() >= 8) {
      uint64_t word = 0;
      std::memcpy(&word, end - 8, 8);
      if (suspects<kRules>(word) == 0) return true;
    }
    // Then character by character to the end of the eight, or of the text.
    const uint8_t* const stop = end - at >= 8 ? at + 8 : end;
    while (at < stop) {
      if (*at >= 0x80) {
        const size_t size = character(at, static_cast<size_t>(end - at), kRules.controls);
        if (size == 0) return false;
        at += size;
      } else if (valid_ascii<kRules>(*at)) {
        ++at;
      } else {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

bool valid_utf8(std::string_view text) {
  return scan<Rules{.controls = false, .wildcards = true}>(text);
}

bool valid_utf8_without_wildcards(std::string_view text) {
  return scan<Rules{.controls = false, .wildcards = false}>(text);
}

bool well_formed_utf8(std::string_view text) {
  return scan<Rules{.controls = true, .wildcards = true}>(text);
}

std::string_view utf8_prefix(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  // Bytes 10xxxxxx go on with a character.
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace tombo::mqtt
