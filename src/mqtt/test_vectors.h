#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "mqtt/encode.h"
#include "mqtt/frame.h"
#include "mqtt/reason.h"
#include "mqtt/types.h"

/// Packets in bytes and in words: the truth that the tests of decode, encode and describe share.
/// Part of the tests, not of the library.
namespace tombo::mqtt {

enum class Sender : uint8_t { client, server };

/// A packet that decodes.
struct Vector {
  Version version;
  Sender sender;
  std::string_view hex;   ///< "30 05 ..."
  std::string_view text;  ///< what describe() says
  bool shortest = true;   ///< encodes to the same bytes
};

/// A packet that does not.
struct BadVector {
  Version version;
  Sender sender;
  std::string_view hex;
  Reason reason;
  uint32_t offset;
  std::string_view why;
};

std::span<const Vector> vectors();
std::span<const BadVector> bad_vectors();

/// The bytes of "30 05 ...". Requires: pairs of digits.
Buffer from_hex(std::string_view hex);

/// The first packet in `bytes`. Requires: it is whole.
Frame whole_frame(Bytes bytes);

/// Decodes a packet of any type; if that succeeds appends it to `out`, encoded again.
[[nodiscard]] bool recode(const Frame& frame, Version version, Sender sender, Buffer& out,
                          Malformed& error);

}  // namespace tombo::mqtt
