#include "server/psk_file.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/core.h>

namespace tombo::server {
namespace {

/// OpenSSL's limits of both, in bytes.
constexpr size_t kIdentityBytesMax = 128;
constexpr size_t kKeyBytesMax = 256;

std::optional<unsigned> digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

/// The bytes of a number in hexadecimal; nullopt: it is none.
std::optional<std::string> bytes_of(std::string_view hex) {
  std::string bytes;
  unsigned byte = 0;
  // An odd number of digits lacks a zero in front.
  bool second = hex.size() % 2 != 0;
  for (const char c : hex) {
    const std::optional<unsigned> digit = digit_of(c);
    if (!digit) return std::nullopt;
    byte = byte * 16 + *digit;
    if (second) bytes.push_back(static_cast<char>(std::exchange(byte, 0)));
    second = !second;
  }
  return bytes;
}

bool add_line(std::string_view line, PskKeys& keys) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  if (line.empty() || line.front() == '#') return true;
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > kIdentityBytesMax) return false;
  std::optional<std::string> key = bytes_of(line.substr(colon + 1));
  if (!key || key->empty() || key->size() > kKeyBytesMax) return false;
  keys.insert_or_assign(std::string(line.substr(0, colon)), std::move(*key));
  return true;
}

}  // namespace

Result<PskKeys> parse_psk_file(std::string_view text, const std::string& path) {
  PskKeys keys;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    if (!add_line(text.substr(0, end), keys)) {
      // Not the line itself: it may have the key in it.
      return Error{
          fmt::format("Error: Invalid line in psk_file, not identity:hexkey.\n"
                      "Error found at {}:{}.",
                      path, number)};
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return keys;
}

Result<PskKeys> read_psk_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    return Error{
        fmt::format("Error: Unable to open psk_file \"{}\": {}.", path, std::strerror(errno))};
  }
  return parse_psk_file(text, path);
}

}  // namespace tombo::server
