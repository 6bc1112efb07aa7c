#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

// What SCRAM-SHA-256 (RFC 5802, RFC 7677) keeps of passwords, and its text in a scram_file.
// SASLprep (RFC 4013) leaves printable ASCII as it is; other characters are refused in user names
// and passwords instead of being prepared, so that no two programs can disagree on what a name is.
namespace tombo::auth {

inline constexpr std::string_view kScramMethod = "SCRAM-SHA-256";

// Bounds of what is read from a file.
inline constexpr size_t kScramUserBytesMax = 1'024;
inline constexpr size_t kScramSaltBytesMin = 8;
inline constexpr size_t kScramSaltBytesMax = 64;
inline constexpr uint32_t kScramIterationsMin = 4'096;  ///< RFC 7677, section 4
inline constexpr uint32_t kScramIterationsMax = 10'000'000;
inline constexpr size_t kScramKeyBytes = 32;

/// Of new entries: what RFC 7677, section 4, asks for. The client computes them at each login.
inline constexpr uint32_t kScramIterationsDefault = 15'000;
inline constexpr size_t kScramNewSaltBytes = 16;

/// What the server keeps of a password: enough to check a proof, not to make one.
struct ScramKeys {
  uint32_t iterations = 0;
  std::string salt;        ///< bytes
  std::string stored_key;  ///< kScramKeyBytes
  std::string server_key;  ///< kScramKeyBytes

  bool operator==(const ScramKeys&) const = default;
};

/// The keys of a password. Not for shards: it computes.
/// Requires: iterations in their bounds.
[[nodiscard]] ScramKeys derive_scram_keys(std::string_view password, std::string_view salt,
                                          uint32_t iterations);

/// May it be a user name or a password? Printable ASCII, not empty.
[[nodiscard]] bool is_scram_text(std::string_view text);

/// kScramKeyBytes each.
[[nodiscard]] std::string sha256(std::string_view text);
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view text);

/// Reads `SCRAM-SHA-256$...` (scram_file.h). The error says what is wrong without quoting the text.
Result<ScramKeys> parse_scram_keys(std::string_view text);

/// Writes it.
std::string to_text(const ScramKeys& keys);

/// The text for a password, with a random salt. An error: the password is not printable ASCII, or
/// there are no random numbers. Not for shards: it computes.
Result<std::string> make_scram_keys(std::string_view password, uint32_t iterations);

/// Begins a line of a scram_file with kScramSecretBytes in base64, a comment for other programs:
/// what is told about users that are not in the file comes from it, and so stays as it is, like
/// what is told about those that are.
inline constexpr std::string_view kScramSecretPrefix = "#secret-for-unknown-users:";
inline constexpr size_t kScramSecretBytes = 32;

/// A new line of that kind, without its end. An error: no random numbers.
Result<std::string> make_scram_secret_line();

}  // namespace tombo::auth
