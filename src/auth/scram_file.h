#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auth/scram_keys.h"
#include "base/result.h"

namespace tombo::auth {

/// Users and their SCRAM keys: `user:SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` lines, with
/// base64 as PostgreSQL writes it into `pg_authid.rolpassword`; empty lines and those that begin
/// with `#` do not count, but for that of kScramSecretPrefix; of a user named twice the first line
/// counts.
/// Immutable, shared by threads.  Bounds: kFileBytesMax, those of scram_keys.h.
class ScramFile {
 public:
  static constexpr size_t kFileBytesMax = size_t{64} << 20;

  /// Reads a file. Errors are lines for the log and name FILE, or FILE:LINE; they quote no line.
  static Result<ScramFile> load(const std::string& path);
  /// The same from memory. `secret` keeps what is told about unknown users from being guessed,
  /// unless the file has a secret of its own.
  static Result<ScramFile> parse(std::string_view text, const std::string& path,
                                 std::string_view secret);

  /// The keys of a user. An unknown one has keys as well, always the same ones, that look like
  /// those of others and that no password has.
  [[nodiscard]] ScramKeys find(std::string_view user) const;

  /// Why a proof of the user was refused, for the log only.
  [[nodiscard]] std::string why_refused(std::string_view user) const;

  [[nodiscard]] size_t size() const { return users_.size(); }

 private:
  [[nodiscard]] ScramKeys invented(std::string_view user) const;

  std::map<std::string, size_t, std::less<>> users_;  // Index in keys_.
  std::vector<ScramKeys> keys_;
  std::string path_;
  std::string secret_;
};

}  // namespace tombo::auth
