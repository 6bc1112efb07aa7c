#pragma once

#include "base/result.h"
#include "net/tls_context.h"
#include "net/tls_key.h"

// Options tls_engine, tls_engine_kpass_sha1 and tls_keyform engine: keys and ciphers of hardware
// through OpenSSL's ENGINE. OpenSSL 3 has deprecated it in favour of providers, which the options
// cannot name; the one file that calls it is tls_engine.cc.
namespace tombo::net {

/// Makes the engine TlsSettings::engine the default of the process for all that it can do.
Result<void> use_engine(const TlsSettings& settings);

/// The key that the engine calls `settings.keyfile`; null: it has none, and OpenSSL knows why. The
/// question is asked for the PIN, unless settings.engine_pin_sha1 has its hash.
Result<PrivateKey> load_engine_key(const TlsSettings& settings, PassphraseQuestion& question);

}  // namespace tombo::net
