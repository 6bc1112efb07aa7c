#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "net/tls_context.h"

namespace tombo::server {

/// What connections of each listener in Config::listeners begin with; null: without TLS.
using TlsContexts = std::vector<std::shared_ptr<const net::TlsContext>>;

/// Reads the files of all listeners with TLS. The error is that of the first one that is not right,
/// and names it.
Result<TlsContexts> make_tls_contexts(const config::Config& config);

}  // namespace tombo::server
