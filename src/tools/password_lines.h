#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tombo::tools {

/// The text of a password or scram file after a change. Comments, empty lines and those that are
/// not `user:something` stay as and where they were.
struct ChangedLines {
  std::string text;
  bool has_found = false;             ///< There was a line of the user.
  std::vector<size_t> corrupt_lines;  ///< Numbers from 1 of those that are not `user:something`.
};

/// The line of a user becomes `user:hash`; without one, that goes behind the last line. Of several
/// lines of the user, of which brokers see the first alone, one remains.
ChangedLines set_password(std::string_view text, std::string_view user, std::string_view hash);

/// Without any line of the user.
ChangedLines remove_user(std::string_view text, std::string_view user);

/// Does any line of a user belong to the other kind of file: one with `SCRAM-SHA-256$...` to a
/// password file, or one without to a scram_file (`is_scram`)? Its number, or 0.
size_t line_of_other_kind(std::string_view text, bool is_scram);

/// Makes the text of a hash.
using HashPassword = std::function<Result<std::string>(std::string_view password)>;

/// Every password that is not hashed becomes so: all behind the first ':', without blanks around
/// it. Fails at the first line that is not `user:password` or looks like a damaged hash.
Result<std::string> hash_plain_passwords(std::string_view text, const HashPassword& hash);

}  // namespace tombo::tools
