#include "auth/scram_keys.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/base64.h"
#include "base/check.h"

namespace tombo::auth {
namespace {

/// Takes the text in front of `end` off `rest`; all of it when `end` does not come.
std::string_view take(std::string_view& rest, char end) {
  const size_t at = rest.find(end);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

Result<std::string> random_bytes(size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    return Error{"no random numbers"};
  }
  return bytes;
}

}  // namespace

std::string sha256(std::string_view text) {
  std::string digest(kScramKeyBytes, '\0');
  CHECK(EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()),
                   nullptr, EVP_sha256(), nullptr) == 1);
  return digest;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::string code(kScramKeyBytes, '\0');
  CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(),
             reinterpret_cast<unsigned char*>(code.data()), nullptr) != nullptr);
  return code;
}

ScramKeys derive_scram_keys(std::string_view password, std::string_view salt, uint32_t iterations) {
  DCHECK(iterations >= 1 && iterations <= kScramIterationsMax);
  std::string salted(kScramKeyBytes, '\0');
  CHECK(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                          reinterpret_cast<const unsigned char*>(salt.data()),
                          static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                          static_cast<int>(salted.size()),
                          reinterpret_cast<unsigned char*>(salted.data())) == 1);
  ScramKeys keys{iterations, std::string(salt), sha256(hmac_sha256(salted, "Client Key")),
                 hmac_sha256(salted, "Server Key")};
  OPENSSL_cleanse(salted.data(), salted.size());
  return keys;
}

bool is_scram_text(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

Result<ScramKeys> parse_scram_keys(std::string_view text) {
  if (take(text, '$') != kScramMethod) return Error{"the keys do not begin with SCRAM-SHA-256$"};
  ScramKeys keys;
  const std::string_view iterations = take(text, ':');
  const char* end = iterations.data() + iterations.size();
  const auto [stop, error] = std::from_chars(iterations.data(), end, keys.iterations);
  if (error != std::errc() || stop != end || keys.iterations < kScramIterationsMin ||
      keys.iterations > kScramIterationsMax) {
    return Error{
        fmt::format("the iterations are not {} to {}", kScramIterationsMin, kScramIterationsMax)};
  }
  std::optional<std::string> salt = from_base64(take(text, '$'), Padding::equals_signs);
  std::optional<std::string> stored_key = from_base64(take(text, ':'), Padding::equals_signs);
  std::optional<std::string> server_key = from_base64(text, Padding::equals_signs);
  if (!salt || !stored_key || !server_key) return Error{"salt or keys are not base64"};
  if (salt->size() < kScramSaltBytesMin || salt->size() > kScramSaltBytesMax) {
    return Error{
        fmt::format("the salt has not {} to {} bytes", kScramSaltBytesMin, kScramSaltBytesMax)};
  }
  if (stored_key->size() != kScramKeyBytes || server_key->size() != kScramKeyBytes) {
    return Error{fmt::format("a key has not {} bytes", kScramKeyBytes)};
  }
  keys.salt = std::move(*salt);
  keys.stored_key = std::move(*stored_key);
  keys.server_key = std::move(*server_key);
  return keys;
}

std::string to_text(const ScramKeys& keys) {
  return fmt::format("{}${}:{}${}:{}", kScramMethod, keys.iterations,
                     to_base64(keys.salt, Padding::equals_signs),
                     to_base64(keys.stored_key, Padding::equals_signs),
                     to_base64(keys.server_key, Padding::equals_signs));
}

Result<std::string> make_scram_keys(std::string_view password, uint32_t iterations) {
  if (!is_scram_text(password)) {
    return Error{"a password for SCRAM has printable ASCII characters only, and at least one"};
  }
  const Result<std::string> salt = random_bytes(kScramNewSaltBytes);
  if (!salt) return salt.error();
  return to_text(derive_scram_keys(password, *salt, iterations));
}

Result<std::string> make_scram_secret_line() {
  const Result<std::string> secret = random_bytes(kScramSecretBytes);
  if (!secret) return secret.error();
  return std::string(kScramSecretPrefix) + to_base64(*secret, Padding::equals_signs);
}

}  // namespace tombo::auth
