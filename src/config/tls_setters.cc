#include "config/tls_setters.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/core.h>

#include "config/setters.h"

namespace tombo::config {
namespace {

using Given = std::pair<std::string_view, bool>;

std::string_view first_of(std::span<const Given> options) {
  const auto found = std::ranges::find_if(options, [](const Given& each) { return each.second; });
  return found == options.end() ? std::string_view() : found->first;
}

/// The first option given that is about certificates; empty: none.
std::string_view certificate_option_of(const ListenerConfig& listener) {
  const Given given[] = {
      {"certfile", !listener.certfile.empty()},
      {"keyfile", !listener.keyfile.empty()},
      {"cafile", !listener.cafile.empty()},
      {"capath", !listener.capath.empty()},
      {"crlfile", !listener.crlfile.empty()},
      {"ocsp_file", !listener.ocsp_file.empty()},
      {"tls_engine_kpass_sha1", !listener.tls_engine_kpass_sha1.empty()},
      {"tls_keyform engine", listener.tls_keyform == TlsKeyForm::engine},
      {"require_certificate", listener.require_certificate && !listener.has_tls_at_proxy()},
      {"use_subject_as_username", listener.use_subject_as_username},
      {"disable_client_cert_date_checks", listener.disable_client_cert_date_checks},
      // Shared keys are of TLS 1.2.
      {"ciphers_tls1.3", !listener.ciphers_tls13.empty()},
      {"tls_version", listener.tls_version != TlsVersion::v1_2},
  };
  return first_of(given);
}

/// The first option given that means nothing without TLS; empty: none.
std::string_view tls_option_of(const ListenerConfig& listener) {
  const std::string_view option = certificate_option_of(listener);
  if (!option.empty()) return option;
  const Given given[] = {
      {"ciphers", !listener.ciphers.empty()},
      {"tls_engine", !listener.tls_engine.empty()},
      {"dhparamfile", !listener.dhparamfile.empty()},
      {"use_identity_as_username",
       listener.use_identity_as_username && !listener.has_tls_at_proxy()},
  };
  return first_of(given);
}

/// The first option given that does not go with TLS at the proxy; empty: none.
std::string_view option_against_proxy(const ListenerConfig& listener) {
  const Given given[] = {
      {"certfile", !listener.certfile.empty()},
      {"keyfile", !listener.keyfile.empty()},
      {"psk_hint", listener.uses_psk()},
      {"use_subject_as_username", listener.use_subject_as_username},
  };
  return first_of(given);
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
  if (*word == "pem") {
    draft.listener().tls_keyform = TlsKeyForm::pem;
  } else if (*word == "engine") {
    draft.listener().tls_keyform = TlsKeyForm::engine;
  } else {
    return invalid_value(option, *word);
  }
  return {};
}

Result<void> set_tls_engine_kpass_sha1(Draft& draft, std::string_view option,
                                       std::string_view rest) {
  constexpr std::size_t kDigits = 40;
  if (!draft.first_time_in_listener(option)) return duplicate_value(option);
  Result<std::string> text = text_value(option, rest);
  if (!text) return text.error();
  // Not the value itself: it is as good as the PIN.
  if (text->size() != kDigits ||
      text->find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    return fault(
        fmt::format("Error: Invalid {} value, it is {} digits of hexadecimal.", option, kDigits));
  }
  draft.listener().tls_engine_kpass_sha1 = std::move(*text);
  return {};
}

std::optional<std::string> find_tls_fault(const Config& config, const ListenerConfig& listener) {
  if (listener.uses_psk() && !certificate_option_of(listener).empty()) {
    return fmt::format(
        "Error: Cannot use both certificate and psk encryption in a single listener: the one on "
        "{} has psk_hint and {}.",
        listener.place(), certificate_option_of(listener));
  }
  const auto has = [&listener](std::string_view option, std::string_view but) {
    return fmt::format("Error: The listener on {} has {}, but {}.", listener.place(), option, but);
  };
  if (listener.uses_psk() && config.psk_file_for(listener).empty()) {
    return has("psk_hint", "there is no psk_file");
  }
  if (listener.has_tls_at_proxy() && !option_against_proxy(listener).empty()) {
    return has(option_against_proxy(listener),
               "with enable_proxy_protocol 2 the proxy does the TLS");
  }
  if (listener.proxy_protocol_v2_require_tls && !listener.has_tls_at_proxy()) {
    return has("proxy_protocol_v2_require_tls", "not enable_proxy_protocol 2");
  }
  const std::string_view option = tls_option_of(listener);
  if (!listener.uses_tls() && !option.empty()) {
    return has(option, option == "keyfile" ? "no certfile" : "no certfile or psk_hint");
  }
  if (!listener.certfile.empty() && listener.keyfile.empty()) return has("certfile", "no keyfile");
  if (listener.tls_engine.empty()) {
    if (listener.tls_keyform == TlsKeyForm::engine) {
      return has("tls_keyform engine", "no tls_engine");
    }
    if (!listener.tls_engine_kpass_sha1.empty()) {
      return has("tls_engine_kpass_sha1", "no tls_engine");
    }
  }
  if (listener.uses_tls() && listener.require_certificate && listener.cafile.empty() &&
      listener.capath.empty()) {
    return has("require_certificate", "neither cafile nor capath");
  }
  return std::nullopt;
}

}  // namespace tombo::config
