#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "tombo/error.h"

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
  bool no_delay = false;       ///< TCP_NODELAY
  std::optional<Proxy> proxy{};
  std::optional<TlsOptions> tls{};
  bool web_socket = false;
  std::string web_path = "/mqtt";
};

/// Bytes to a broker and back, whatever lies between: TCP, a Unix socket, SOCKS5, TLS, WebSocket.
class Stream {
 public:
  struct Moved {
    enum class Kind : uint8_t { done, blocked, ended, failed };
    Kind kind = Kind::done;
    size_t count = 0;
    Error error{};
  };

  Stream() = default;
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] virtual int descriptor() const = 0;
  /// Never waits.
  [[nodiscard]] virtual Moved read(std::span<uint8_t> into) = 0;
  /// Never waits.
  [[nodiscard]] virtual Moved write(std::span<const uint8_t> bytes) = 0;

  /// Something that was taken by write() waits for the socket.
  [[nodiscard]] virtual bool wants_write() const { return false; }

  /// Bytes were read from the socket that read() has not given yet: poll() does not know of them.
  [[nodiscard]] virtual bool has_read_ahead() const { return false; }
};

/// Opens the whole way to the broker; waits for all of it. Error: what failed.
struct Opened {
  std::unique_ptr<Stream> stream;  ///< null: see `error`
  Error error{};
};

Opened open_stream(const Target& target, std::chrono::milliseconds patience);

}  // namespace tombo::client
