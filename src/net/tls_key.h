#pragma once

#include <memory>

#include "base/result.h"
#include "net/tls_context.h"

struct evp_pkey_st;

namespace tombo::net {

struct FreeKey {
  void operator()(evp_pkey_st* key) const;
};

using PrivateKey = std::unique_ptr<evp_pkey_st, FreeKey>;

/// OpenSSL's question for a passphrase, answered by TlsSettings::passphrase. Lives while a key is
/// read.
struct PassphraseQuestion {
  const TlsSettings& settings;
  bool unanswered = false;  ///< The key needs one, and there is none.

  /// OpenSSL's pem_password_cb; `data` is a PassphraseQuestion.
  static int ask(char* into, int size, int writing, void* data);
};

/// Reads the private key of a listener, out of its file or its engine. The error names the option.
Result<PrivateKey> load_private_key(const TlsSettings& settings);

}  // namespace tombo::net
