#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"

/// Numbers of variable length in files of tombo's own: seven bits a byte, the lowest first, the
/// eighth bit set but in the last byte (LEB128). At most ten bytes.
namespace tombo::store {

inline void append_varint(std::vector<uint8_t>& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<uint8_t>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<uint8_t>(value));
}

/// False, and nothing to rely on in `value`: cut short, or more than 64 bits.
[[nodiscard]] inline bool read_varint(ByteReader& reader, uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = reader.u8();
    if (!reader.ok() || (shift == 63 && byte > 1)) return false;
    value |= uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

/// Maps small numbers of either sign to small ones: 0, -1, 1, -2 to 0, 1, 2, 3.
[[nodiscard]] constexpr uint64_t zigzag(int64_t value) {
  return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
}

[[nodiscard]] constexpr int64_t unzigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1));
}

}  // namespace tombo::store
