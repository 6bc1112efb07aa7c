#pragma once

#include <cstddef>
#include <string_view>

namespace tombo::mqtt {

/// Is `text` a string that the broker accepts? Well-formed UTF-8 without surrogates [MQTT-1.5.4-1]
/// and U+0000 [MQTT-1.5.4-2], and, as Mosquitto, without the control characters U+0001..U+001F,
/// U+007F..U+009F and the non-characters that the standard advises against.
/// Costs about a byte's check for plain ASCII, eight bytes at a time.
bool valid_utf8(std::string_view text);

/// valid_utf8() and no `+` or `#`, in the same pass: for topic names [MQTT-3.3.2-2].
bool valid_utf8_without_wildcards(std::string_view text);

/// Well-formed UTF-8 only: for payloads with Payload Format Indicator 1, in which control
/// characters and U+0000 are data.
bool well_formed_utf8(std::string_view text);

/// The beginning of `text`, which is well-formed, that takes `bytes_max` at most and ends with a
/// whole character.
std::string_view utf8_prefix(std::string_view text, size_t bytes_max);

}  // namespace tombo::mqtt
