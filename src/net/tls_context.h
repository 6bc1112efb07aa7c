#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/ocsp_staple.h"

// OpenSSL's types; its headers are large, and nobody above needs them.
struct ssl_ctx_st;

namespace tombo::net {

/// What a listener with TLS is configured with, under the names of the options. Empty: not given.
struct TlsSettings {
  std::string certfile{};  ///< Certificate, and behind it those that lead to the authority; PEM.
  std::string keyfile{};   ///< Its private key; PEM, or its name in the engine.
  /// Asked for the passphrase of the key, or the PIN of the engine; nullopt: there is none.
  std::function<std::optional<std::string>(const std::string& keyfile)> passphrase{};
  std::string engine{};           ///< The engine of OpenSSL to use.
  std::string engine_pin_sha1{};  ///< Hash of its PIN, 40 digits of hexadecimal.
  bool key_in_engine = false;     ///< keyfile is in the engine.
  std::string ocsp_file{};        ///< See OcspStaple.
  std::string cafile{};           ///< Authorities of client certificates; PEM.
  std::string capath{};           ///< A folder with such, under hashed names.
  std::string crlfile{};          ///< Revoked client certificates; PEM.
  std::string ciphers{};
  std::string ciphers_tls13{};
  std::string dhparamfile{};
  bool tls13_only = false;
  bool require_certificate = false;
  bool disable_client_cert_date_checks = false;
  /// Clients and the keys they share with the broker, instead of certificates.
  bool psk = false;
  std::string psk_hint{};
  std::map<std::string, std::string, std::less<>> psk_keys{};
  /// Tells sessions of this listener from those of others; at most 32 bytes.
  std::string name{};
  /// WebSocket runs inside: of the names that a client offers (ALPN) http/1.1 is chosen first.
  bool websocket = false;
  /// Secrets of all connections are appended to this file, for debuggers such as Wireshark.
  std::string keylog{};
};

/// What all connections of a listener share: certificates, keys, rules, and the keys of the tickets
/// with which clients resume, so that any shard may accept them again.
/// Immutable, used by all threads. A connection keeps the one that it began with.
class TlsContext {
 public:
  /// The longest chain of certificates that a client may send, and so what a handshake may cost.
  static constexpr size_t kClientChainBytesMax = size_t{32} * 1024;

  /// Reads the files. The error names option and file and gives OpenSSL's reason on a second line.
  static Result<std::shared_ptr<const TlsContext>> make(const TlsSettings& settings);

  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  [[nodiscard]] ssl_ctx_st* get() const { return context_; }

  /// The key that the client with this identity has; null: nobody knows it.
  [[nodiscard]] const std::string* psk_key(std::string_view identity) const;

  /// What clients are sent that ask whether the certificate has been revoked.
  [[nodiscard]] const OcspStaple& ocsp_staple() const { return ocsp_staple_; }

  /// Appends a line to the key log, if there is one.
  void log_key(std::string_view line) const;

 private:
  TlsContext();

  Result<void> set_up(const TlsSettings& settings);
  Result<void> load_certificate(const TlsSettings& settings);
  Result<void> load_authorities(const TlsSettings& settings);
  void set_verification(const TlsSettings& settings);
  Result<void> set_ciphers(const TlsSettings& settings);
  Result<void> set_psk(const TlsSettings& settings);
  Result<void> load_ocsp_staple(const std::string& path);
  Result<void> open_keylog(const std::string& path);

  ssl_ctx_st* context_ = nullptr;
  std::map<std::string, std::string, std::less<>> psk_keys_;
  OcspStaple ocsp_staple_;
  int keylog_ = -1;
};

}  // namespace tombo::net
