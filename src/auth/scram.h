#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mqtt/reason.h"

// SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding. SASLprep (RFC 4013) leaves printable
// ASCII as it is; other characters are refused in user names and passwords instead of being
// prepared, so that no two programs can disagree on what a name is.
namespace tombo::auth {

inline constexpr std::string_view kScramMethod = "SCRAM-SHA-256";

// Bounds of messages and of what is read from a file.
inline constexpr size_t kScramMessageBytesMax = 4'096;
inline constexpr size_t kScramUserBytesMax = 1'024;
inline constexpr size_t kScramNonceBytesMax = 256;  ///< the client's part
inline constexpr size_t kScramSaltBytesMin = 8;
inline constexpr size_t kScramSaltBytesMax = 64;
inline constexpr uint32_t kScramIterationsMin = 4'096;  ///< RFC 7677, section 4
inline constexpr uint32_t kScramIterationsMax = 10'000'000;
inline constexpr size_t kScramKeyBytes = 32;

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

/// HMAC-SHA-256, kScramKeyBytes.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view text);

/// A message for the client, or why there is none and the login ends.
struct ScramAnswer {
  mqtt::Reason reason = mqtt::Reason::success;
  std::string text;
};

/// The server's side of one exchange, which has four messages: on_first() reads the first, the
/// caller looks up the keys of user(), challenge() makes the second, on_final() reads the third and
/// makes the fourth. Bounds: those above.
class ScramServer {
 public:
  /// `nonce` is the server's part: printable ASCII without commas, never used before.
  explicit ScramServer(std::string nonce) : nonce_(std::move(nonce)) {}

  /// client-first-message. On success user() is known, and `text` is empty.
  [[nodiscard]] ScramAnswer on_first(std::string_view message);
  /// server-first-message. Requires: on_first() was successful.
  [[nodiscard]] std::string challenge(ScramKeys keys);
  /// client-final-message. On success the client is user(), and `text` is server-final-message.
  /// Requires: challenge() was called, and this was not.
  [[nodiscard]] ScramAnswer on_final(std::string_view message);

  [[nodiscard]] const std::string& user() const { return user_; }

 private:
  std::string nonce_;    ///< from on_first() on with the client's part in front
  std::string channel_;  ///< `c=` as the client has to repeat it
  std::string user_;
  std::string conversation_;  ///< AuthMessage as far as it has come
  ScramKeys keys_;
};

}  // namespace tombo::auth
