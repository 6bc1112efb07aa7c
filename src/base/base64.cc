#include "base/base64.h"

#include <cstddef>
#include <cstdint>

namespace tombo {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes, Padding padding) {
  std::string text;
  uint32_t bits = 0;
  unsigned count = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<uint8_t>(byte);
    for (count += 8; count >= 6; count -= 6) text += kAlphabet[bits >> (count - 6) & 0x3F];
  }
  if (count != 0) text += kAlphabet[bits << (6 - count) & 0x3F];
  while (padding == Padding::equals_signs && text.size() % 4 != 0) text += '=';
  return text;
}

std::optional<std::string> from_base64(std::string_view text, Padding padding) {
  std::string bytes;
  uint32_t bits = 0;
  unsigned count = 0;
  const size_t end = text.find_last_not_of('=') + 1;
  for (const char each : text.substr(0, end)) {
    const size_t value = kAlphabet.find(each);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFF);
  }
  // One form for one value: padding and unused bits are as they would be written.
  if (to_base64(bytes, padding) != text) return std::nullopt;
  return bytes;
}

}  // namespace tombo
