#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auth/password_hash.h"
#include "base/result.h"

namespace tombo::auth {

/// What becomes of a password file with a line that is not `user:hash`.
enum class BadLines : bool {
  refuse,  ///< The file is invalid, as with Mosquitto 2.1.
  skip,    ///< That user is left out, as with Mosquitto 2.0.
};

/// What every client is told whose login is not accepted, whatever was wrong with it.
inline constexpr std::string_view kLoginRefused = "user name or password not accepted";

/// Users and their hashed passwords, as mosquitto_passwd writes them: `user:hash` lines; empty
/// lines and those that begin with `#` do not count; of a user named twice the first line counts.
/// Immutable, shared by threads.  Bounds: kFileBytesMax, kLineBytesMax, those of password_hash.h.
class PasswordFile {
 public:
  static constexpr size_t kFileBytesMax = size_t{64} << 20;
  static constexpr size_t kUserBytesMax = 65'535;
  static constexpr size_t kLineBytesMax = kUserBytesMax + 1'024;
  /// Skipped lines that are told one by one.
  static constexpr size_t kSkippedToldMax = 100;

  /// Reads a file. Errors are lines for the log and name FILE, or FILE:LINE; they quote no line.
  static Result<PasswordFile> load(const std::string& path, BadLines bad_lines);
  /// The same from memory.
  static Result<PasswordFile> parse(std::string_view text, const std::string& path,
                                    BadLines bad_lines);

  /// An unknown user takes as long as one of those in the file: it is compared with the hash of
  /// another, always the same one for the same name. Not for shards: it computes.
  [[nodiscard]] bool check(std::string_view user, std::string_view password) const;

  /// Why check() said no, for the log only: clients do not learn which users there are.
  [[nodiscard]] std::string why_refused(std::string_view user) const;

  [[nodiscard]] size_t size() const { return hashes_.size(); }

  /// What is wrong with the lines that were skipped, for the log; quotes none.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  std::map<std::string, size_t, std::less<>> users_;  // Index in hashes_.
  std::vector<PasswordHash> hashes_;
  std::string path_;
  uint64_t seed_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace tombo::auth
