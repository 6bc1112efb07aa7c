#include "server/tls_setup.h"

#include <set>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "server/psk_file.h"

namespace tombo::server {
namespace {

Result<net::TlsSettings> settings_of(const config::Config& config,
                                     const config::ListenerConfig& listener,
                                     Passphrases& passphrases) {
  net::TlsSettings settings{
      .certfile = listener.certfile,
      .keyfile = listener.keyfile,
      .passphrase = [&passphrases](const std::string& key) { return passphrases.of(key); },
      .engine = listener.tls_engine,
      .engine_pin_sha1 = listener.tls_engine_kpass_sha1,
      .key_in_engine = listener.tls_keyform == config::TlsKeyForm::engine,
      .ocsp_file = listener.ocsp_file,
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
      .websocket = listener.protocol == config::ListenerProtocol::websockets,
      .keylog = config.tls_keylog,
  };
  if (!settings.psk) return settings;
  Result<PskKeys> keys = read_psk_file(config.psk_file_for(listener));
  if (!keys) return keys.error();
  settings.psk_keys = std::move(*keys);
  return settings;
}

}  // namespace

Result<std::shared_ptr<const net::TlsContext>> make_tls_context(
    const config::Config& config, const config::ListenerConfig& listener,
    Passphrases& passphrases) {
  const Result<net::TlsSettings> settings = settings_of(config, listener, passphrases);
  Result<std::shared_ptr<const net::TlsContext>> made =
      settings ? net::TlsContext::make(*settings) : settings.error();
  if (made) return made;
  return Error{fmt::format("{}\nError: The listener on {} cannot use TLS.", made.error().text,
                           listener.place()),
               made.error().code};
}

Result<void> check_unused_psk_files(const config::Config& config) {
  std::set<std::string> paths;
  for (const config::ListenerConfig& listener : config.listeners) {
    if (!listener.closed && !listener.uses_psk()) paths.insert(config.psk_file_for(listener));
  }
  paths.erase("");
  for (const std::string& path : paths) {
    if (const Result<PskKeys> keys = read_psk_file(path); !keys) return keys.error();
  }
  return {};
}

Result<TlsContexts> make_tls_contexts(const config::Config& config, Passphrases& passphrases) {
  if (const Result<void> done = check_unused_psk_files(config); !done) return done.error();
  TlsContexts contexts;
  for (const config::ListenerConfig& listener : config.listeners) {
    if (listener.closed || !listener.uses_tls()) {
      contexts.emplace_back();
      continue;
    }
    auto made = make_tls_context(config, listener, passphrases);
    if (!made) return made.error();
    contexts.push_back(std::move(*made));
  }
  return contexts;
}

std::vector<std::string> warnings_of(const TlsContexts& contexts) {
  std::vector<std::string> warnings;
  for (const auto& context : contexts) {
    if (context == nullptr || context->ocsp_staple().warning().empty()) continue;
    warnings.push_back(context->ocsp_staple().warning());
  }
  return warnings;
}

}  // namespace tombo::server
