#pragma once

#include <cstdint>
#include <vector>

#include "mqtt/property.h"
#include "tombo/types.h"

/// Between the words of the library and those of the codec.
namespace tombo::client {

/// Appends them as they stand in a packet, without a length in front. False: an identifier that is
/// none, or a value that does not fit it.
[[nodiscard]] bool encode_properties(const Properties& properties, std::vector<uint8_t>& out);

Properties decode_properties(mqtt::Properties properties);

}  // namespace tombo::client
