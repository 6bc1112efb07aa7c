#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "config/config.h"

namespace tombo::config {

/// How mosquitto.conf writes values. Only the blank (0x20) separates words, a tab does not.

/// Cuts the next word off the front of `rest`; empty when there is none.
std::string_view next_word(std::string_view& rest);

/// `text` without white space at both ends: the value of an option that takes the rest of its line.
std::string_view trimmed(std::string_view text);

/// What C's atoi() makes of `word`: leading white space, a sign and digits; junk after them is
/// ignored, no digits are 0. Values beyond int64_t stop at its ends.
int64_t leading_number(std::string_view word);

/// Exactly `true`, `1`, `false` or `0`.
std::optional<bool> boolean(std::string_view word);

/// `2.0` or `2.1`.
std::optional<Compatibility> compatibility_named(std::string_view word);

}  // namespace tombo::config
