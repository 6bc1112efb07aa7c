#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "config/draft.h"
#include "config/options.h"
#include "config/values.h"

// How values get into fields. A template names the field as a pointer to member, so that one row of
// the option table yields setter, comparison and copy: three pointers to functions, no state.
namespace tombo::config {

/// The rest of the line of a text option: not empty, valid UTF-8, at most 65535 bytes.
Result<std::string> text_value(std::string_view option, std::string_view rest);
/// The next word of the line, of an option that takes words.
Result<std::string_view> word_value(std::string_view option, std::string_view rest);
Result<bool> boolean_value(std::string_view option, std::string_view rest);
Result<int64_t> integer_value(std::string_view option, std::string_view rest);

/// A fault of the configuration in the words of Mosquitto; the exit status of all of them is 3.
inline constexpr int kInvalidConfiguration = 3;
Error fault(std::string text);
Error empty_value(std::string_view option);
Error duplicate_value(std::string_view option);
Error invalid_value(std::string_view option, std::string_view word);
Error invalid_value(std::string_view option, int64_t number);

/// The field of the configuration, its log settings or the current listener that a pointer names.
template <class T>
T& field_of(Draft& draft, T Config::*field) {
  return draft.config.*field;
}

template <class T>
T& field_of(Draft& draft, T LogConfig::*field) {
  return draft.config.log.*field;
}

template <class T>
T& field_of(Draft& draft, T Limits::*field) {
  return draft.config.limits.*field;
}

template <class T>
T& field_of(Draft& draft, T ListenerConfig::*field) {
  return draft.listener().*field;
}

template <class T>
const T& field_of(const Config& config, T Config::*field) {
  return config.*field;
}

template <class T>
const T& field_of(const Config& config, T LogConfig::*field) {
  return config.log.*field;
}

template <class T>
const T& field_of(const Config& config, T Limits::*field) {
  return config.limits.*field;
}

template <class T>
T& field_of(Config& config, T Config::*field) {
  return config.*field;
}

template <class T>
T& field_of(Config& config, T LogConfig::*field) {
  return config.log.*field;
}

template <class T>
T& field_of(Config& config, T Limits::*field) {
  return config.limits.*field;
}

template <class Pointer>
struct MemberOf;

template <class Owner, class T>
struct MemberOf<T Owner::*> {
  using Type = T;
  static constexpr bool kListener = std::is_same_v<Owner, ListenerConfig>;
};

template <auto kField>
Result<void> set_boolean(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<bool> value = boolean_value(option, rest);
  if (!value) return value.error();
  field_of(draft, kField) = *value;
  return {};
}

/// Values below kMin or above kMax are refused.
template <auto kField, int64_t kMin, int64_t kMax>
Result<void> set_integer(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<int64_t> value = integer_value(option, rest);
  if (!value) return value.error();
  if (*value < kMin || *value > kMax) return invalid_value(option, *value);
  using Field = typename MemberOf<decltype(kField)>::Type;
  field_of(draft, kField) = static_cast<Field>(*value);
  return {};
}

/// Values below kMin become kBelow, for limits that a negative number switches off.
template <auto kField, int64_t kMin, int64_t kBelow>
Result<void> set_limit(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<int64_t> value = integer_value(option, rest);
  if (!value) return value.error();
  using Field = typename MemberOf<decltype(kField)>::Type;
  int64_t limit = *value < kMin ? kBelow : *value;
  if constexpr (sizeof(Field) < sizeof(int64_t)) {
    limit = std::min<int64_t>(limit, std::numeric_limits<Field>::max());
  }
  field_of(draft, kField) = static_cast<Field>(limit);
  return {};
}

/// The last value wins.
template <auto kField>
Result<void> replace_text(Draft& draft, std::string_view option, std::string_view rest) {
  Result<std::string> value = text_value(option, rest);
  if (!value) return value.error();
  field_of(draft, kField) = std::move(*value);
  return {};
}

/// A second value in the same scope is refused.
template <auto kField>
Result<void> set_text(Draft& draft, std::string_view option, std::string_view rest) {
  const bool first = MemberOf<decltype(kField)>::kListener ? draft.first_time_in_listener(option)
                                                           : draft.first_time(option);
  if (!first) return duplicate_value(option);
  return replace_text<kField>(draft, option, rest);
}

/// For scope security: as replace_text, for the field that set_security_boolean would set.
template <auto kGlobal, auto kListener>
Result<void> replace_security_text(Draft& draft, std::string_view option, std::string_view rest) {
  return draft.config.per_listener_settings ? replace_text<kListener>(draft, option, rest)
                                            : replace_text<kGlobal>(draft, option, rest);
}

/// For scope security: the global field, or with per_listener_settings that of the listener.
template <auto kGlobal, auto kListener>
Result<void> set_security_boolean(Draft& draft, std::string_view option, std::string_view rest) {
  return draft.config.per_listener_settings ? set_boolean<kListener>(draft, option, rest)
                                            : set_boolean<kGlobal>(draft, option, rest);
}

template <auto kField>
bool same_global(const Config& a, const Config& b) {
  return field_of(a, kField) == field_of(b, kField);
}

template <auto kField>
void copy_global(const Config& from, Config& to) {
  field_of(to, kField) = field_of(from, kField);
}

template <auto kField>
bool same_in_listener(const ListenerConfig& a, const ListenerConfig& b) {
  return a.*kField == b.*kField;
}

/// Setter, comparison and copy of one field.
template <auto kField>
constexpr Behaviour behaviour(ValueType type, Setter set) {
  if constexpr (MemberOf<decltype(kField)>::kListener) {
    return {type, set, nullptr, nullptr, &same_in_listener<kField>};
  } else {
    return {type, set, &same_global<kField>, &copy_global<kField>, nullptr};
  }
}

template <auto kField>
constexpr Behaviour boolean_option() {
  return behaviour<kField>(ValueType::boolean, &set_boolean<kField>);
}

template <auto kField, int64_t kMin, int64_t kMax>
constexpr Behaviour integer_option() {
  return behaviour<kField>(ValueType::integer, &set_integer<kField, kMin, kMax>);
}

template <auto kField, int64_t kMin, int64_t kBelow>
constexpr Behaviour limit_option() {
  return behaviour<kField>(ValueType::integer, &set_limit<kField, kMin, kBelow>);
}

template <auto kField>
constexpr Behaviour text_option() {
  return behaviour<kField>(ValueType::text, &set_text<kField>);
}

/// As text_option, but a second value replaces the first.
template <auto kField>
constexpr Behaviour last_text_option() {
  return behaviour<kField>(ValueType::text, &replace_text<kField>);
}

}  // namespace tombo::config
