#include "mqtt/frame.h"

#include "mqtt/types.h"

namespace tombo::mqtt {

Cut cut_frame(Bytes input, uint32_t packet_size_max) {
  Cut cut;
  uint32_t length = 0;
  uint32_t at = 1;
  for (unsigned shift = 0;; shift += 7, ++at) {
    if (shift == 28) {  // A fifth byte.
      cut.status = CutStatus::malformed;
      return cut;
    }
    if (at >= input.size()) return cut;
    length |= static_cast<uint32_t>(input[at] & 0x7F) << shift;
    if (input[at] < 0x80) break;
  }
  if (input[at] == 0 && at > 1) {  // [MQTT-1.5.5-1]
    cut.status = CutStatus::malformed;
    return cut;
  }
  const uint32_t header_size = at + 1;
  cut.needed = header_size + length;
  if (packet_size_max != 0 && cut.needed > packet_size_max) {
    cut.status = CutStatus::too_large;
    return cut;
  }
  if (input.size() < cut.needed) return cut;
  cut.status = CutStatus::complete;
  cut.frame = {.first_byte = input[0],
               .body = input.subspan(header_size, length),
               .header_size = header_size};
  return cut;
}

}  // namespace tombo::mqtt
