#include "server/tls_setup.h"

#include <utility>

#include <fmt/core.h>

#include "server/psk_file.h"

namespace tombo::server {
namespace {

Result<net::TlsSettings> settings_of(const config::Config& config,
                                     const config::ListenerConfig& listener) {
  net::TlsSettings settings{
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
      .psk = listener.uses_psk(),
      .psk_hint = listener.psk_hint,
      .name = fmt::format("mosquitto-{}", listener.port),
      .keylog = config.tls_keylog,
  };
  if (!settings.psk) return settings;
  Result<PskKeys> keys = read_psk_file(config.psk_file_for(listener));
  if (!keys) return keys.error();
  settings.psk_keys = std::move(*keys);
  return settings;
}

Result<std::shared_ptr<const net::TlsContext>> make_context(
    const config::Config& config, const config::ListenerConfig& listener) {
  const Result<net::TlsSettings> settings = settings_of(config, listener);
  if (!settings) return settings.error();
  return net::TlsContext::make(*settings);
}

}  // namespace

Result<TlsContexts> make_tls_contexts(const config::Config& config) {
  TlsContexts contexts;
  for (const config::ListenerConfig& listener : config.listeners) {
    if (!listener.uses_tls()) {
      contexts.emplace_back();
      continue;
    }
    auto made = make_context(config, listener);
    if (!made) {
      return Error{fmt::format("{}\nError: The listener on {} cannot use TLS.", made.error().text,
                               listener.place()),
                   made.error().code};
    }
    contexts.push_back(std::move(*made));
  }
  return contexts;
}

}  // namespace tombo::server
