#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tombo::auth {

enum class HashKind : uint8_t {
  sha512,    ///< `$6$salt$key`: SHA-512 of password and salt
  pbkdf2,    ///< `$7$iterations$salt$key`: PBKDF2-HMAC-SHA512
  argon2id,  ///< `$argon2id$v=19$m=KiB,t=passes,p=lanes$salt$key`
};

// Bounds of what is read from a file, so that no line makes a login take minutes or gigabytes.
inline constexpr uint32_t kIterationsMax = 10'000'000;
inline constexpr uint32_t kArgon2MemoryKibMax = 262'144;
inline constexpr uint32_t kArgon2PassesMax = 64;
inline constexpr uint32_t kArgon2LanesMax = 16;

/// What a hash costs.
struct HashCost {
  HashKind kind = HashKind::pbkdf2;
  uint32_t iterations = 101;     ///< pbkdf2: rounds; argon2id: passes
  uint32_t memory_kib = 47'104;  ///< argon2id alone
  uint32_t lanes = 1;            ///< argon2id alone
};

/// A password as a file keeps it. Says nothing of the password but whether another one equals it.
struct PasswordHash {
  HashCost cost;
  std::string salt;  ///< bytes
  std::string key;   ///< bytes
};

/// Reads the forms above. The error says what is wrong without quoting the text.
Result<PasswordHash> parse_password_hash(std::string_view text);

/// Is it this password? Takes as long as the hash costs, whatever the answer; compares in
/// constant time. Not for shards: it computes.
[[nodiscard]] bool matches(const PasswordHash& hash, std::string_view password);

/// The text of a new hash, with a random salt of `salt_size` bytes. An error: no random numbers or
/// no memory.
Result<std::string> hash_password(std::string_view password, const HashCost& cost,
                                  size_t salt_size);

}  // namespace tombo::auth
