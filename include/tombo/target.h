#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tombo::client {

/// Where a proxy is (SOCKS5, names are resolved by it).
struct Proxy {
  std::string host;
  uint16_t port = 1080;
  std::string user_name{};  ///< empty: without a login
  std::string password{};
};

/// How a client proves who it is, and whom it trusts.
struct TlsOptions {
  std::string ca_file{};
  std::string ca_folder{};
  bool system_cas = false;  ///< those of the operating system, too
  std::string certificate_file{};
  std::string key_file{};
  std::string key_form{};  ///< "engine": `key_file` names a key in `engine`
  std::string engine{};
  std::string engine_password_sha1{};  ///< hexadecimal
  std::string version{};               ///< "tlsv1.2" and so on; empty: what both sides agree on
  std::string ciphers{};
  std::string alpn{};
  std::string key_log{};  ///< secrets are written there, for wireshark
  std::string psk{};      ///< hexadecimal; with psk_identity in place of certificates
  std::string psk_identity{};
  bool any_host_name = false;    ///< the certificate may be of another host
  bool any_certificate = false;  ///< nothing of the broker's is checked
};

/// Where a broker is, and the way to it.
struct Target {
  std::string host = "localhost";
  uint16_t port = 1883;
  std::string unix_path{};     ///< in place of host and port
  std::string bind_address{};  ///< of this end
  bool no_delay = true;        ///< TCP_NODELAY: small packets go at once
  std::optional<Proxy> proxy{};
  std::optional<TlsOptions> tls{};
  bool web_socket = false;
  std::string web_path = "/mqtt";
};

}  // namespace tombo::client
