#include "tools/password_lines.h"

#include <fmt/core.h>

#include "auth/password_hash.h"
#include "auth/scram_keys.h"

namespace tombo::tools {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

enum class LineKind { other, entry, corrupt };

LineKind kind_of(std::string_view line) {
  if (line.starts_with('#') || trimmed(line).empty()) return LineKind::other;
  const size_t colon = line.find(':');
  const bool is_entry =
      colon != std::string_view::npos && colon != 0 && !trimmed(line.substr(colon + 1)).empty();
  return is_entry ? LineKind::entry : LineKind::corrupt;
}

/// Calls `f` with each line, without its end, and its number from 1.
template <class F>
void for_each_line(std::string_view text, F&& f) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    f(text.substr(0, end), number);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

void append_line(std::string& text, std::string_view line) {
  text += line;
  text += '\n';
}

/// Puts `fresh` in the place of the user's first line and takes the others out; an empty one only
/// takes out.
ChangedLines replace(std::string_view text, std::string_view user, std::string_view fresh) {
  ChangedLines changed;
  changed.text.reserve(text.size() + fresh.size() + 2);
  for_each_line(text, [&](std::string_view line, size_t number) {
    const LineKind kind = kind_of(line);
    if (kind == LineKind::corrupt) changed.corrupt_lines.push_back(number);
    // A line that is not right may still be the user's.
    if (kind == LineKind::other || line.substr(0, line.find(':')) != user ||
        line.find(':') == std::string_view::npos) {
      return append_line(changed.text, line);
    }
    if (!changed.has_found && !fresh.empty()) append_line(changed.text, fresh);
    changed.has_found = true;
  });
  return changed;
}

bool looks_hashed(std::string_view password) {
  return password.starts_with("$6$") || password.starts_with("$7$") ||
         password.starts_with("$argon2id$");
}

}  // namespace

ChangedLines set_password(std::string_view text, std::string_view user, std::string_view hash) {
  const std::string fresh = fmt::format("{}:{}", user, hash);
  ChangedLines changed = replace(text, user, fresh);
  if (!changed.has_found) append_line(changed.text, fresh);
  return changed;
}

ChangedLines remove_user(std::string_view text, std::string_view user) {
  return replace(text, user, {});
}

size_t line_of_other_kind(std::string_view text, bool is_scram) {
  const std::string beginning = fmt::format("{}$", auth::kScramMethod);
  size_t found = 0;
  for_each_line(text, [&](std::string_view line, size_t number) {
    if (found != 0 || kind_of(line) != LineKind::entry) return;
    const std::string_view value = line.substr(line.find(':') + 1);
    if (value.starts_with(beginning) != is_scram) found = number;
  });
  return found;
}

Result<std::string> hash_plain_passwords(std::string_view text, const HashPassword& hash) {
  std::string changed;
  Result<void> outcome;
  for_each_line(text, [&](std::string_view line, size_t number) {
    if (!outcome) return;
    const LineKind kind = kind_of(line);
    if (kind == LineKind::other) return append_line(changed, line);
    const size_t colon = line.find(':');
    const std::string_view password =
        kind == LineKind::entry ? trimmed(line.substr(colon + 1)) : std::string_view();
    const bool is_hashed = static_cast<bool>(auth::parse_password_hash(password));
    if (is_hashed) return append_line(changed, line);
    if (kind == LineKind::corrupt || looks_hashed(password)) {
      outcome = Error{fmt::format("Error: Corrupt password file at line {}.", number)};
      return;
    }
    const Result<std::string> hashed = hash(password);
    if (!hashed) {
      outcome = hashed.error();
      return;
    }
    append_line(changed, fmt::format("{}:{}", trimmed(line.substr(0, colon)), *hashed));
  });
  if (!outcome) return outcome.error();
  return changed;
}

}  // namespace tombo::tools
