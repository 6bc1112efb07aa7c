#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "net/tls_context.h"
#include "server/passphrases.h"

namespace tombo::server {

/// What connections of each listener in Config::listeners begin with; null: without TLS.
using TlsContexts = std::vector<std::shared_ptr<const net::TlsContext>>;

/// Reads the files of a listener with TLS. The error says which is not right, and why.
Result<std::shared_ptr<const net::TlsContext>> make_tls_context(
    const config::Config& config, const config::ListenerConfig& listener, Passphrases& passphrases);

/// Reads those of all listeners with TLS. The error is that of the first one that is not right.
Result<TlsContexts> make_tls_contexts(const config::Config& config, Passphrases& passphrases);

/// Reads a psk_file too that no listener uses, for want of psk_hint: one that is not right is told.
Result<void> check_unused_psk_files(const config::Config& config);

/// What is worth a warning in the log, a line each.
std::vector<std::string> warnings_of(const TlsContexts& contexts);

}  // namespace tombo::server
