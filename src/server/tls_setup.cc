#include "server/tls_setup.h"

#include <utility>

#include <fmt/core.h>

namespace tombo::server {
namespace {

net::TlsSettings settings_of(const config::ListenerConfig& listener) {
  return {
      .certfile = listener.certfile,
      .keyfile = listener.keyfile,
      .cafile = listener.cafile,
      .capath = listener.capath,
      .crlfile = listener.crlfile,
      .ciphers = listener.ciphers,
      .ciphers_tls13 = listener.ciphers_tls13,
      .dhparamfile = listener.dhparamfile,
      .tls13_only = listener.tls_version == config::TlsVersion::v1_3,
      .require_certificate = listener.require_certificate,
      .disable_client_cert_date_checks = listener.disable_client_cert_date_checks,
      .name = fmt::format("mosquitto-{}", listener.port),
  };
}

}  // namespace

Result<TlsContexts> make_tls_contexts(const config::Config& config) {
  TlsContexts contexts;
  for (const config::ListenerConfig& listener : config.listeners) {
    if (!listener.uses_tls()) {
      contexts.emplace_back();
      continue;
    }
    auto made = net::TlsContext::make(settings_of(listener));
    if (!made) {
      return Error{fmt::format("{}\nError: The listener on port {} cannot use TLS.",
                               made.error().text, listener.port),
                   made.error().code};
    }
    contexts.push_back(std::move(*made));
  }
  return contexts;
}

}  // namespace tombo::server
