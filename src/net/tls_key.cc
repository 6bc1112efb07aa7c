#include "net/tls_key.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>

#include <fmt/core.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "net/openssl_text.h"
#include "net/tls_engine.h"

namespace tombo::net {

void FreeKey::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

// NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL says what it gets.
int PassphraseQuestion::ask(char* into, int size, int /*writing*/, void* data) {
  auto& question = *static_cast<PassphraseQuestion*>(data);
  std::optional<std::string> passphrase;
  if (question.settings.passphrase) {
    passphrase = question.settings.passphrase(question.settings.keyfile);
  }
  if (!passphrase || passphrase->size() > static_cast<size_t>(size)) {
    question.unanswered = true;
    return -1;
  }
  std::ranges::copy(*passphrase, into);
  return static_cast<int>(passphrase->size());
}

Result<PrivateKey> load_private_key(const TlsSettings& settings) {
  PassphraseQuestion question{settings};
  Result<PrivateKey> key = PrivateKey();
  if (settings.key_in_engine) {
    key = load_engine_key(settings, question);
  } else if (const std::unique_ptr<BIO, decltype(&BIO_free)> file(
                 BIO_new_file(settings.keyfile.c_str(), "r"), &BIO_free);
             file != nullptr) {
    key = PrivateKey(
        PEM_read_bio_PrivateKey(file.get(), nullptr, &PassphraseQuestion::ask, &question));
  }
  if (!key) return key;
  if (*key != nullptr) return key;
  const std::string reason = question.unanswered
                                 ? "Error: It needs a passphrase, and there is no terminal to ask "
                                   "for it."
                                 : fmt::format("Error: OpenSSL says: {}.", take_openssl_reason());
  ERR_clear_error();
  if (settings.key_in_engine) {
    return Error{fmt::format("Error: Unable to load engine private key \"{}\". Check keyfile.\n{}",
                             settings.keyfile, reason)};
  }
  return Error{fmt::format("Error: Unable to load server key file \"{}\". Check keyfile.\n{}",
                           settings.keyfile, reason)};
}

}  // namespace tombo::net
