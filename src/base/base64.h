#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tombo {

enum class Padding : bool { none, equals_signs };

/// Standard alphabet, one line.
std::string to_base64(std::string_view bytes, Padding padding);

/// The bytes, if `text` is exactly what to_base64() makes of them with this padding.
std::optional<std::string> from_base64(std::string_view text, Padding padding);

}  // namespace tombo
