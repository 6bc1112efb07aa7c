#include "config/tls_setters.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "config/setters.h"

namespace tombo::config {
namespace {

/// The first option given that means nothing without TLS; empty: none.
std::string_view tls_option_of(const ListenerConfig& listener) {
  const std::pair<std::string_view, bool> given[] = {
      {"keyfile", !listener.keyfile.empty()},
      {"cafile", !listener.cafile.empty()},
      {"capath", !listener.capath.empty()},
      {"crlfile", !listener.crlfile.empty()},
      {"ciphers", !listener.ciphers.empty()},
      {"ciphers_tls1.3", !listener.ciphers_tls13.empty()},
      {"dhparamfile", !listener.dhparamfile.empty()},
      {"tls_version", listener.tls_version != TlsVersion::v1_2},
      {"require_certificate", listener.require_certificate},
      {"use_identity_as_username", listener.use_identity_as_username},
      {"use_subject_as_username", listener.use_subject_as_username},
      {"disable_client_cert_date_checks", listener.disable_client_cert_date_checks},
  };
  const auto* found = std::ranges::find_if(given, [](const auto& each) { return each.second; });
  return found == std::end(given) ? std::string_view() : found->first;
}

}  // namespace

Result<void> set_tls_version(Draft& draft, std::string_view option, std::string_view rest) {
  if (!draft.first_time_in_listener(option)) return duplicate_value(option);
  const Result<std::string_view> word = word_value(option, rest);
  if (!word) return word.error();
  if (*word == "tlsv1.2") {
    draft.listener().tls_version = TlsVersion::v1_2;
  } else if (*word == "tlsv1.3") {
    draft.listener().tls_version = TlsVersion::v1_3;
  } else {
    return fault(fmt::format("Error: Unsupported tls_version \"{}\".", *word));
  }
  return {};
}

Result<void> set_tls_keyform(Draft& draft, std::string_view option, std::string_view rest) {
  if (!draft.first_time_in_listener(option)) return duplicate_value(option);
  const Result<std::string_view> word = word_value(option, rest);
  if (!word) return word.error();
  if (*word == "pem") return {};
  if (*word == "engine") {
    return fault("Error: option tls_keyform is not supported yet with the value engine.");
  }
  return invalid_value(option, *word);
}

std::optional<std::string> find_tls_fault(const ListenerConfig& listener) {
  const std::string_view option = tls_option_of(listener);
  if (!listener.uses_tls() && !option.empty()) {
    return fmt::format("Error: The listener on port {} has {}, but no certfile.", listener.port,
                       option);
  }
  if (listener.uses_tls() && listener.keyfile.empty()) {
    return fmt::format("Error: The listener on port {} has certfile, but no keyfile.",
                       listener.port);
  }
  if (listener.require_certificate && listener.cafile.empty() && listener.capath.empty()) {
    return fmt::format(
        "Error: The listener on port {} has require_certificate, but neither cafile nor capath.",
        listener.port);
  }
  return std::nullopt;
}

}  // namespace tombo::config
