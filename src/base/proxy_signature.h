#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace tombo {

/// How headers of the PROXY protocol begin (haproxy.org, proxy-protocol.txt, sections 2.1 and 2.2).
inline constexpr std::array<uint8_t, 6> kProxyV1Signature = {'P', 'R', 'O', 'X', 'Y', ' '};
inline constexpr std::array<uint8_t, 12> kProxyV2Signature = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                                              0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};

/// Does what a peer sends begin with one of them, as far as it has come?
[[nodiscard]] inline bool begins_as(Bytes bytes, Bytes signature) {
  const size_t count = std::min(bytes.size(), signature.size());
  return std::ranges::equal(bytes.first(count), signature.first(count));
}

/// At a place where no header belongs: enough of one to be sure. MQTT, TLS and HTTP begin
/// otherwise.
[[nodiscard]] inline bool looks_like_proxy_header(Bytes bytes) {
  constexpr size_t kEnough = 4;
  return bytes.size() >= kEnough &&
         (begins_as(bytes, kProxyV1Signature) || begins_as(bytes, kProxyV2Signature));
}

}  // namespace tombo
