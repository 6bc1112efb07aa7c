#include "tools/client_url.h"

#include <charconv>
#include <optional>

#include <fmt/core.h>

namespace tombo::tools {
namespace {

/// `user:password@host:port/rest` taken apart. Hosts of IPv6 stand in brackets.
struct UrlParts {
  std::optional<std::string> user_name;
  std::optional<std::string> password;
  std::string host;
  std::optional<uint16_t> port;
  std::string rest;
};

/// %25, %3A and %40, which user names and passwords need.
std::optional<std::string> decoded(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    uint8_t byte = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (error != std::errc() || digits.size() != 2 || end != digits.data() + 2) return std::nullopt;
    plain += static_cast<char>(byte);
    i += 2;
  }
  return plain;
}

bool read_login(std::string_view login, UrlParts& parts) {
  const size_t colon = login.find(':');
  parts.user_name = decoded(login.substr(0, colon));
  if (colon != std::string_view::npos) parts.password = decoded(login.substr(colon + 1));
  return parts.user_name && (colon == std::string_view::npos || parts.password);
}

bool read_host(std::string_view text, UrlParts& parts) {
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    parts.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && !port.starts_with(':')) return false;
  } else {
    const size_t colon = text.find(':');
    parts.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (parts.host.empty()) return false;
  if (port.empty()) return true;
  port.remove_prefix(1);
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number == 0) return false;
  parts.port = number;
  return true;
}

std::optional<UrlParts> take_apart(std::string_view text) {
  UrlParts parts;
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) parts.rest = text.substr(slash + 1);
  std::string_view authority = text.substr(0, slash);
  const size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    if (!read_login(authority.substr(0, at), parts)) return std::nullopt;
    authority.remove_prefix(at + 1);
  }
  if (!read_host(authority, parts)) return std::nullopt;
  return parts;
}

struct Scheme {
  std::string_view name;
  uint16_t port;
  bool tls;
  bool web;
};

constexpr Scheme kSchemes[] = {{"mqtt://", 1883, false, false},
                               {"mqtts://", 8883, true, false},
                               {"ws://", 1883, false, true},
                               {"wss://", 8883, true, true}};

}  // namespace

std::string apply_url(ClientOptions& options, std::string_view url) {
  for (const Scheme& scheme : kSchemes) {
    if (!url.starts_with(scheme.name)) continue;
    const std::optional<UrlParts> parts = take_apart(url.substr(scheme.name.size()));
    if (!parts) return "Invalid URL for -L argument specified.";
    if (parts->rest.empty()) {
      return "Invalid URL for -L argument specified - topic missing.";
    }
    options.target.host = parts->host;
    options.target.port = parts->port.value_or(scheme.port);
    options.has_port = true;
    options.target.web_socket = options.target.web_socket || scheme.web;
    if (scheme.tls) {
      if (!options.target.tls) options.target.tls.emplace();
      options.target.tls->system_cas = true;
    }
    if (parts->user_name) options.connect.user_name = parts->user_name;
    if (parts->password) options.connect.password = parts->password;
    options.topic = parts->rest;
    options.filters.push_back(parts->rest);
    return {};
  }
  return "Unsupported URL scheme.";
}

std::string apply_proxy(ClientOptions& options, std::string_view url) {
  constexpr std::string_view kScheme = "socks5h://";
  if (!url.starts_with(kScheme)) {
    return url.starts_with("socks5://") ? "Unsupported proxy protocol: socks5 is not, socks5h is."
                                        : "Unsupported proxy protocol.";
  }
  const std::optional<UrlParts> parts = take_apart(url.substr(kScheme.size()));
  if (!parts) return "Invalid proxy.";
  client::Proxy& proxy = options.target.proxy.emplace();
  proxy.host = parts->host;
  proxy.port = parts->port.value_or(proxy.port);
  proxy.user_name = parts->user_name.value_or("");
  proxy.password = parts->password.value_or("");
  return {};
}

}  // namespace tombo::tools
