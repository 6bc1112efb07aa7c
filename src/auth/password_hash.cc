#include "auth/password_hash.h"

#include <argon2.h>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/base64.h"

namespace tombo::auth {
namespace {

constexpr size_t kKeySize = 64;
constexpr size_t kSaltOf20 = 12;
constexpr size_t kSaltOf21 = 64;
constexpr size_t kArgon2PartMin = 8;
constexpr size_t kArgon2PartMax = 64;
constexpr std::string_view kArgon2Prefix = "$argon2id$v=19$m=";

/// Takes the text in front of `end` off `rest`; all of it when `end` does not come.
std::string_view take(std::string_view& rest, char end) {
  const size_t at = rest.find(end);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

/// A decimal number from 1 to `most`.
std::optional<uint32_t> number(std::string_view text, uint32_t most) {
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value == 0 || value > most) return std::nullopt;
  return value;
}

Result<PasswordHash> with_salt_and_key(const HashCost& cost, std::string_view rest) {
  const Padding padding = cost.kind == HashKind::argon2id ? Padding::none : Padding::equals_signs;
  std::optional<std::string> salt = from_base64(take(rest, '$'), padding);
  std::optional<std::string> key = from_base64(rest, padding);
  if (!salt || !key) return Error{"salt or hash is not base64"};
  if (cost.kind == HashKind::argon2id) {
    const auto fits = [](size_t size) { return size >= kArgon2PartMin && size <= kArgon2PartMax; };
    if (!fits(salt->size()) || !fits(key->size())) {
      return Error{"salt or hash has not between 8 and 64 bytes"};
    }
  } else {
    if (salt->size() != kSaltOf20 && salt->size() != kSaltOf21) {
      return Error{"the salt has not 12 or 64 bytes"};
    }
    if (key->size() != kKeySize) return Error{"the hash has not 64 bytes"};
  }
  return PasswordHash{cost, std::move(*salt), std::move(*key)};
}

Result<PasswordHash> parse_argon2(std::string_view rest) {
  HashCost cost{.kind = HashKind::argon2id};
  const auto memory = number(take(rest, ','), kArgon2MemoryKibMax);
  const bool has_passes = rest.starts_with("t=");
  const auto passes = number(take(rest, ',').substr(has_passes ? 2 : 0), kArgon2PassesMax);
  const bool has_lanes = rest.starts_with("p=");
  const auto lanes = number(take(rest, '$').substr(has_lanes ? 2 : 0), kArgon2LanesMax);
  if (!memory || !has_passes || !passes || !has_lanes || !lanes || *memory < 8 * *lanes) {
    return Error{fmt::format("not argon2id's m=,t=,p= up to {} KiB, {} passes and {} lanes",
                             kArgon2MemoryKibMax, kArgon2PassesMax, kArgon2LanesMax)};
  }
  cost.memory_kib = *memory;
  cost.iterations = *passes;
  cost.lanes = *lanes;
  return with_salt_and_key(cost, rest);
}

bool sha512(std::string_view password, std::string_view salt, std::string& key) {
  std::string both(password);
  both += salt;
  unsigned size = 0;
  auto* out = reinterpret_cast<unsigned char*>(key.data());
  const bool done = EVP_Digest(both.data(), both.size(), out, &size, EVP_sha512(), nullptr) == 1;
  OPENSSL_cleanse(both.data(), both.size());
  return done && size == key.size();
}

bool pbkdf2(std::string_view password, std::string_view salt, uint32_t iterations,
            std::string& key) {
  return PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                           reinterpret_cast<const unsigned char*>(salt.data()),
                           static_cast<int>(salt.size()), static_cast<int>(iterations),
                           EVP_sha512(), static_cast<int>(key.size()),
                           reinterpret_cast<unsigned char*>(key.data())) == 1;
}

bool compute(const HashCost& cost, std::string_view password, std::string_view salt,
             std::string& key) {
  switch (cost.kind) {
    case HashKind::sha512:
      return sha512(password, salt, key);
    case HashKind::pbkdf2:
      return pbkdf2(password, salt, cost.iterations, key);
    case HashKind::argon2id:
      return argon2id_hash_raw(cost.iterations, cost.memory_kib, cost.lanes, password.data(),
                               password.size(), salt.data(), salt.size(), key.data(),
                               key.size()) == ARGON2_OK;
  }
  return false;
}

}  // namespace

Result<PasswordHash> parse_password_hash(std::string_view text) {
  if (text.starts_with("$6$")) {
    return with_salt_and_key({.kind = HashKind::sha512, .iterations = 1}, text.substr(3));
  }
  if (text.starts_with("$7$")) {
    text.remove_prefix(3);
    const auto iterations = number(take(text, '$'), kIterationsMax);
    if (!iterations) return Error{fmt::format("the iterations are not 1 to {}", kIterationsMax)};
    return with_salt_and_key({.kind = HashKind::pbkdf2, .iterations = *iterations}, text);
  }
  if (text.starts_with(kArgon2Prefix)) return parse_argon2(text.substr(kArgon2Prefix.size()));
  return Error{"the password is not hashed as $6$, $7$ or $argon2id$v=19$"};
}

bool matches(const PasswordHash& hash, std::string_view password) {
  std::string key(hash.key.size(), '\0');
  if (!compute(hash.cost, password, hash.salt, key)) return false;
  return CRYPTO_memcmp(key.data(), hash.key.data(), key.size()) == 0;
}

Result<std::string> hash_password(std::string_view password, const HashCost& cost,
                                  size_t salt_size) {
  std::string salt(salt_size, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(salt.data()), static_cast<int>(salt_size)) != 1) {
    return Error{"no random numbers"};
  }
  std::string key(kKeySize, '\0');
  if (!compute(cost, password, salt, key)) return Error{"the password cannot be hashed"};
  const Padding padding = cost.kind == HashKind::argon2id ? Padding::none : Padding::equals_signs;
  const std::string ending = to_base64(salt, padding) + "$" + to_base64(key, padding);
  switch (cost.kind) {
    case HashKind::sha512:
      return "$6$" + ending;
    case HashKind::pbkdf2:
      return fmt::format("$7${}${}", cost.iterations, ending);
    case HashKind::argon2id:
      break;
  }
  return fmt::format("{}{},t={},p={}${}", kArgon2Prefix, cost.memory_kib, cost.iterations,
                     cost.lanes, ending);
}

}  // namespace tombo::auth
