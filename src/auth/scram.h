#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "auth/scram_keys.h"
#include "mqtt/reason.h"

// SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding.
namespace tombo::auth {

// Bounds of messages.
inline constexpr size_t kScramMessageBytesMax = 4'096;
inline constexpr size_t kScramNonceBytesMax = 256;  ///< the client's part

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
