#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// PROXY headers made by hand. For tests.
namespace tombo::net::test {

inline std::string number16(size_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

inline std::string tlv(uint8_t type, std::string_view value) {
  return static_cast<char>(type) + number16(value.size()) + std::string(value);
}

/// `client`: 1 = TLS, 2 = with a certificate.
inline std::string ssl_tlv(uint8_t client, bool verified, std::string_view common_name) {
  std::string value(1, static_cast<char>(client));
  value += std::string(3, '\0') + (verified ? '\0' : '\x0A');
  value += tlv(0x21, "TLSv1.3");
  if (!common_name.empty()) value += tlv(0x22, common_name);
  return tlv(0x20, value + tlv(0x23, "TLS_AES_256_GCM_SHA384"));
}

inline std::string v2_header(uint8_t command, uint8_t family, std::string_view body) {
  std::string bytes("\r\n\r\n\0\r\nQUIT\n", 12);
  bytes += {static_cast<char>(command), static_cast<char>(family)};
  return bytes + number16(body.size()) + std::string(body);
}

/// 203.0.113.7:4711 to 192.0.2.1:1883, with these TLVs behind.
inline std::string v2_tcp4(std::string_view tlvs = {}) {
  return v2_header(
      0x21, 0x11, std::string("\xCB\x00\x71\x07\xC0\x00\x02\x01\x12\x67\x07\x5B", 12).append(tlvs));
}

inline uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
  }
  return ~crc;
}

/// As v2_tcp4, with the right CRC32c between `before` and `behind`.
inline std::string v2_with_crc(std::string_view before, std::string_view behind) {
  std::string header =
      v2_tcp4(std::string(before) + tlv(0x03, std::string(4, '\0')) + std::string(behind));
  const uint32_t crc = crc32c(header);
  const size_t place = header.size() - behind.size() - 4;
  header.replace(place, 4, number16(crc >> 16) + number16(crc & 0xFFFF));
  return header;
}

}  // namespace tombo::net::test
