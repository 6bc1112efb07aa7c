#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace tombo::net {

/// The text header and the binary one.
enum class ProxyVersion : uint8_t { v1 = 1, v2 = 2 };

/// The longest headers: the standard's own bound, and one that leaves room for what proxies add.
inline constexpr size_t kProxyV1BytesMax = 107;
inline constexpr size_t kProxyV2BytesMax = 16 + 4096;

/// What a proxy says of the connection that it passes on.
struct ProxyHeader {
  std::string address{};      ///< "ADDR:PORT" of the client; empty: the proxy does not say.
  bool is_local = false;      ///< Nobody's: the proxy looks whether we are alive.
  bool has_tls = false;       ///< The client speaks TLS with the proxy.
  bool is_verified = false;   ///< The proxy has verified the client's certificate.
  std::string common_name{};  ///< The CN in it.
};

struct ProxyParse {
  enum class Status : uint8_t {
    complete,    ///< The header is the first `size` bytes.
    incomplete,  ///< All bytes belong to the header, and there are more to come.
    bad,         ///< `fault` says why this is none.
  };
  Status status = Status::incomplete;
  size_t size = 0;
  ProxyHeader header{};
  std::string fault{};
};

/// Reads the header that a proxy puts before the bytes of a connection: proxy-protocol.txt of
/// haproxy.org, of which only stream sockets are taken. A CRC32c is checked where there is one.
/// Bounds: kProxyV1BytesMax, kProxyV2BytesMax.
[[nodiscard]] ProxyParse parse_proxy_header(Bytes bytes, ProxyVersion version);

}  // namespace tombo::net
