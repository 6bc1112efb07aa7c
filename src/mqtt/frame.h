#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "mqtt/types.h"

namespace tombo::mqtt {

/// One whole control packet, a view into the bytes it was cut from.
struct Frame {
  uint8_t first_byte = 0;
  Bytes body{};              ///< Everything behind the fixed header: variable header and payload.
  uint32_t header_size = 0;  ///< Bytes of the fixed header (2 to 5).

  [[nodiscard]] PacketType type() const { return static_cast<PacketType>(first_byte >> 4); }

  [[nodiscard]] uint8_t flags() const { return first_byte & 0x0F; }

  [[nodiscard]] uint32_t size() const { return header_size + static_cast<uint32_t>(body.size()); }
};

enum class CutStatus : uint8_t {
  complete,    ///< `frame` is set; continue behind frame.size() bytes.
  incomplete,  ///< More bytes are needed; `needed` is the packet's whole size if known, else 0.
  too_large,   ///< The announced size is over `packet_size_max`; `needed` is that size.
  malformed,   ///< Remaining Length of five bytes or not in its shortest form [MQTT-1.5.5-1].
};

struct Cut {
  CutStatus status = CutStatus::incomplete;
  uint32_t needed = 0;
  Frame frame{};
};

/// Cuts the first packet off `input`. Never allocates; looks at 5 bytes at most to decide.
/// `packet_size_max` counts the fixed header too, as Maximum Packet Size does (section 3.1.2.11.4);
/// 0 means the protocol's limit.
Cut cut_frame(Bytes input, uint32_t packet_size_max);

}  // namespace tombo::mqtt
