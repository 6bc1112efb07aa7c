#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "mqtt/property.h"

/// Properties of messages in the file, which the broker that wrote them has not always checked.
namespace tombo::mosquitto_db {

/// All properties; none when one of them is not right.
[[nodiscard]] mqtt::Properties valid_part(Bytes raw);

/// The identifier of the first property that is not right; nullopt: all are.
[[nodiscard]] std::optional<uint32_t> invalid_property(Bytes raw);

/// 0: none.
[[nodiscard]] uint32_t subscription_identifier(Bytes raw);

/// "Content type: text/plain".
[[nodiscard]] std::string property_line(const mqtt::Property& property);

/// Upper case, without separators.
[[nodiscard]] std::string upper_hex(std::string_view bytes);

}  // namespace tombo::mosquitto_db
