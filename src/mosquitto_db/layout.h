#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace tombo::mosquitto_db {

/// The first bytes of every file.
inline constexpr std::string_view kMagic{"\x00\xB5\x00mosquitto db", 15};

/// How the host that wrote a file laid its numbers out. The file does not say it.
struct Layout {
  uint32_t format = 0;
  bool big_endian_host = false;  ///< Ids and absolute times in its byte order, the rest never.
  bool narrow = false;           ///< A 32-bit x86 host, which aligns 64 bits to 4 bytes.
};

/// Ids and absolute times.
[[nodiscard]] uint64_t read_host64(ByteReader& reader, const Layout& layout);

}  // namespace tombo::mosquitto_db
