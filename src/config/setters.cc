#include "config/setters.h"

#include <cstddef>

#include <fmt/core.h>

#include "mqtt/utf8.h"

namespace tombo::config {
namespace {

constexpr std::size_t kTextBytesMax = 65535;

}  // namespace

Error fault(std::string text) {
  return {std::move(text), kInvalidConfiguration};
}

Error empty_value(std::string_view option) {
  return fault(fmt::format("Error: Empty {} value in configuration.", option));
}

Error duplicate_value(std::string_view option) {
  return fault(fmt::format("Error: Duplicate {} value in configuration.", option));
}

Error invalid_value(std::string_view option, std::string_view word) {
  return fault(fmt::format("Error: Invalid {} value ({}).", option, word));
}

Error invalid_value(std::string_view option, int64_t number) {
  return fault(fmt::format("Error: Invalid {} value ({}).", option, number));
}

Result<std::string> text_value(std::string_view option, std::string_view rest) {
  const std::string_view text = trimmed(rest);
  if (text.empty()) return empty_value(option);
  if (text.size() > kTextBytesMax || !mqtt::valid_utf8(text)) {
    return fault("Error: Malformed UTF-8 in configuration.");
  }
  return std::string(text);
}

Result<std::string_view> word_value(std::string_view option, std::string_view rest) {
  const std::string_view word = next_word(rest);
  if (word.empty()) return empty_value(option);
  return word;
}

Result<bool> boolean_value(std::string_view option, std::string_view rest) {
  const Result<std::string_view> word = word_value(option, rest);
  if (!word) return word.error();
  const std::optional<bool> value = boolean(*word);
  if (!value) return invalid_value(option, *word);
  return *value;
}

Result<int64_t> integer_value(std::string_view option, std::string_view rest) {
  const Result<std::string_view> word = word_value(option, rest);
  if (!word) return word.error();
  return leading_number(*word);
}

}  // namespace tombo::config
