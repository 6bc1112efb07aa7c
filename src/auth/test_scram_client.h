#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <openssl/evp.h>

#include "auth/scram.h"
#include "base/base64.h"

namespace tombo::auth {

/// The client's side of SCRAM-SHA-256, for tests.
struct TestScramClient {
  std::string password;
  std::string header = "n,,";
  std::string first_bare = "n=user,r=client";

  [[nodiscard]] std::string first() const { return header + first_bare; }

  /// client-final-message-without-proof with the header and nonce as they should be.
  [[nodiscard]] std::string honest_final(std::string_view challenge) const {
    return "c=" + to_base64(header, Padding::equals_signs) + "," +
           std::string(challenge.substr(0, challenge.find(',')));
  }

  /// The proof that belongs to any client-final-message-without-proof.
  [[nodiscard]] std::string proof(std::string_view challenge, const ScramKeys& keys,
                                  std::string_view without_proof) const {
    const std::string key = hmac_sha256(salted(keys), "Client Key");
    const std::string signature =
        hmac_sha256(keys.stored_key, conversation(challenge, without_proof));
    std::string bytes(kScramKeyBytes, '\0');
    for (size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<char>(key[i] ^ signature[i]);
    }
    return to_base64(bytes, Padding::equals_signs);
  }

  [[nodiscard]] std::string final(std::string_view challenge, const ScramKeys& keys) const {
    const std::string without_proof = honest_final(challenge);
    return without_proof + ",p=" + proof(challenge, keys, without_proof);
  }

 private:
  [[nodiscard]] std::string conversation(std::string_view challenge,
                                         std::string_view without_proof) const {
    return first_bare + "," + std::string(challenge) + "," + std::string(without_proof);
  }

  [[nodiscard]] std::string salted(const ScramKeys& keys) const {
    std::string out(kScramKeyBytes, '\0');
    PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                      reinterpret_cast<const unsigned char*>(keys.salt.data()),
                      static_cast<int>(keys.salt.size()), static_cast<int>(keys.iterations),
                      EVP_sha256(), static_cast<int>(out.size()),
                      reinterpret_cast<unsigned char*>(out.data()));
    return out;
  }
};

}  // namespace tombo::auth
