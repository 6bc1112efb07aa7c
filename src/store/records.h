#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/ports/store.h"
#include "store/frame.h"

/// What stands in the tables: docs/formats/store.md.
namespace tombo::store {

/// Keys: eight bytes, the highest first, so that they are in the order of numbers.
std::string session_key(SessionNumber session);
/// session_key() and the filter.
std::string subscription_key(SessionNumber session, std::string_view filter);

/// In place of a session: keys below the number in its value may have been used.
inline constexpr SessionNumber kUsedKeys = 0;
std::string encode_used_keys(SessionNumber end);
std::optional<SessionNumber> decode_used_keys(std::string_view value);

/// The session of a key of either table; nullopt: not a key.
std::optional<SessionNumber> session_of(std::string_view key);
/// The filter of a subscription_key().
std::string_view filter_of(std::string_view key);

std::string encode_session(const broker::SessionRecord& record);
std::optional<broker::SessionRecord> decode_session(std::string_view value);

std::string encode_subscription(uint8_t options, uint32_t identifier);
/// False: not a subscription.
[[nodiscard]] bool decode_subscription(std::string_view value, uint8_t& options,
                                       uint32_t& identifier);

std::string encode_retained(const mqtt::Message& message);
/// Null: not a message.
SharedRef<const mqtt::Message> decode_retained(std::string_view value);

}  // namespace tombo::store
