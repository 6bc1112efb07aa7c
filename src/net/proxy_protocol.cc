#include "net/proxy_protocol.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <string_view>
#include <utility>

#include <boost/crc.hpp>
#include <fmt/core.h>

#include "base/proxy_signature.h"
#include "net/endpoint.h"

namespace tombo::net {
namespace {

using Status = ProxyParse::Status;

constexpr uint8_t kMqttConnect = 0x10;
constexpr uint8_t kTlsHandshake = 0x16;

ProxyParse bad(std::string fault) {
  return {.status = Status::bad, .fault = std::move(fault)};
}

/// What came in place of a header of this version.
ProxyParse no_header(Bytes bytes, ProxyVersion version) {
  if (bytes.front() == kMqttConnect) return bad("no PROXY header: looks like plain MQTT");
  if (bytes.front() == kTlsHandshake) return bad("no PROXY header: looks like TLS");
  if (looks_like_proxy_header(bytes)) {
    const bool is_v1 = version == ProxyVersion::v1;
    const bool other = begins_as(bytes, is_v1 ? Bytes(kProxyV2Signature) : kProxyV1Signature);
    if (other) {
      return bad(fmt::format("a PROXY header of version {}, but enable_proxy_protocol is {}",
                             is_v1 ? 2 : 1, is_v1 ? 1 : 2));
    }
  }
  return bad(fmt::format("no PROXY header (first byte {:02X})", bytes.front()));
}

// --- Version 1: a line of text.

std::string_view next_field(std::string_view& rest) {
  const size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return field;
}

std::optional<uint16_t> port_of_text(std::string_view text) {
  constexpr size_t kDigitsMax = 5;
  if (text.empty() || text.size() > kDigitsMax || (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  unsigned port = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    port = port * 10 + static_cast<unsigned>(digit - '0');
  }
  if (port > 65535) return std::nullopt;
  return static_cast<uint16_t>(port);
}

/// "ADDR:PORT"; empty: they are none of this family.
std::string address_of_text(int family, const std::string& host, std::string_view port_text) {
  sockaddr_storage storage{};
  storage.ss_family = static_cast<sa_family_t>(family);
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  void* into = family == AF_INET ? static_cast<void*>(&v4->sin_addr) : &v6->sin6_addr;
  const std::optional<uint16_t> port = port_of_text(port_text);
  if (!port || ::inet_pton(family, host.c_str(), into) != 1) return {};
  v4->sin_port = htons(*port);  // It has the same place in both.
  return to_text(storage);
}

ProxyParse parse_v1(Bytes bytes) {
  if (!begins_as(bytes, kProxyV1Signature)) return no_header(bytes, ProxyVersion::v1);
  const std::string_view text = as_text(bytes).substr(0, kProxyV1BytesMax);
  const size_t end = text.find("\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() < kProxyV1BytesMax) return {};
    return bad(fmt::format("the PROXY header has more than {} bytes", kProxyV1BytesMax));
  }
  std::string_view rest = text.substr(kProxyV1Signature.size(), end - kProxyV1Signature.size());
  const std::string_view protocol = next_field(rest);
  ProxyParse parsed{.status = Status::complete, .size = end + 2};
  if (protocol == "UNKNOWN") return parsed;
  if (protocol != "TCP4" && protocol != "TCP6") {
    return bad("the PROXY header names no protocol but TCP4, TCP6 or UNKNOWN");
  }
  const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
  const std::string_view source = next_field(rest);
  const std::string_view destination = next_field(rest);
  const std::string_view source_port = next_field(rest);
  parsed.header.address = address_of_text(family, std::string(source), source_port);
  if (parsed.header.address.empty() ||
      address_of_text(family, std::string(destination), rest).empty()) {
    return bad("the addresses in the PROXY header are not right");
  }
  return parsed;
}

// --- Version 2: 16 bytes, addresses, and TLVs (type, length, value).

constexpr size_t kFixedBytes = 16;
constexpr uint8_t kLocal = 0x20;
constexpr uint8_t kProxy = 0x21;
constexpr uint8_t kTlvCrc32c = 0x03;
constexpr uint8_t kTlvSsl = 0x20;
constexpr uint8_t kTlvSslCommonName = 0x22;
// Bits of the first byte of an SSL TLV.
constexpr uint8_t kClientSsl = 0x01;
constexpr uint8_t kClientCertificateOfConnection = 0x02;
constexpr uint8_t kClientCertificateOfSession = 0x04;

struct Tlv {
  uint8_t type = 0;
  Bytes value;
};

/// Takes one off the front; nullopt: it has no end.
std::optional<Tlv> take_tlv(ByteReader& reader) {
  Tlv tlv{.type = reader.u8(), .value = {}};
  const uint16_t size = reader.u16();
  tlv.value = reader.bytes(size);
  return reader.ok() ? std::optional(tlv) : std::nullopt;
}

bool read_ssl(Bytes value, ProxyHeader& header) {
  ByteReader reader(value);
  const uint8_t client = reader.u8();
  const bool is_verified = reader.u32() == 0;
  if (!reader.ok()) return false;
  header.has_tls = (client & kClientSsl) != 0;
  const bool has_certificate =
      (client & (kClientCertificateOfConnection | kClientCertificateOfSession)) != 0;
  header.is_verified = header.has_tls && has_certificate && is_verified;
  while (reader.remaining() != 0) {
    const std::optional<Tlv> tlv = take_tlv(reader);
    if (!tlv) return false;
    if (tlv->type == kTlvSslCommonName) header.common_name = as_text(tlv->value);
  }
  return true;
}

/// The sum is over the whole header, with zeros in its own place.
bool crc_is_right(Bytes whole, Bytes sum) {
  constexpr uint32_t kCastagnoli = 0x1EDC6F41;
  boost::crc_optimal<32, kCastagnoli, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  const auto place = static_cast<size_t>(sum.data() - whole.data());
  constexpr std::array<uint8_t, 4> kZeros{};
  crc.process_bytes(whole.data(), place);
  crc.process_bytes(kZeros.data(), kZeros.size());
  const Bytes behind = whole.subspan(place + sum.size());
  crc.process_bytes(behind.data(), behind.size());
  return crc.checksum() == ByteReader(sum).u32();
}

/// Empty: all is right.
std::string_view read_tlvs(Bytes whole, size_t begin, ProxyHeader& header) {
  bool has_ssl = false;
  ByteReader reader(whole.subspan(begin));
  while (reader.remaining() != 0) {
    const std::optional<Tlv> tlv = take_tlv(reader);
    if (!tlv) return "a TLV in the PROXY header has no end";
    if (tlv->type == kTlvCrc32c && (tlv->value.size() != 4 || !crc_is_right(whole, tlv->value))) {
      return "the CRC of the PROXY header is wrong";
    }
    if (tlv->type != kTlvSsl) continue;
    if (std::exchange(has_ssl, true)) return "the PROXY header has TLS information twice";
    if (!read_ssl(tlv->value, header)) {
      return "the TLS information in the PROXY header is not right";
    }
  }
  return {};
}

/// A family and protocol that we take: how long the addresses are.
std::optional<size_t> address_bytes(uint8_t family) {
  constexpr uint8_t kUnspecified = 0x00;
  constexpr uint8_t kTcp4 = 0x11;
  constexpr uint8_t kTcp6 = 0x21;
  constexpr uint8_t kUnixStream = 0x31;
  switch (family) {
    case kUnspecified:
      return 0;
    case kTcp4:
      return 12;
    case kTcp6:
      return 36;
    case kUnixStream:
      return 216;
    default:
      return std::nullopt;
  }
}

/// "ADDR:PORT", or "PATH:0". Empty: there is none, or nothing that may stand in a log.
std::string client_address(Bytes addresses) {
  constexpr size_t kTcp4Bytes = 12;
  constexpr size_t kTcp6Bytes = 36;
  sockaddr_storage storage{};
  if (addresses.size() == kTcp4Bytes) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    std::memcpy(&v4->sin_addr, addresses.data(), sizeof v4->sin_addr);
    std::memcpy(&v4->sin_port, &addresses[8], sizeof v4->sin_port);
    return to_text(storage);
  }
  if (addresses.size() == kTcp6Bytes) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    std::memcpy(&v6->sin6_addr, addresses.data(), sizeof v6->sin6_addr);
    std::memcpy(&v6->sin6_port, &addresses[32], sizeof v6->sin6_port);
    return to_text(storage);
  }
  std::string path(as_text(addresses.first(addresses.size() / 2)));
  path.resize(std::min(path.find('\0'), path.size()));
  const bool printable = std::ranges::all_of(path, [](char c) { return c > ' ' && c < '\x7F'; });
  return path.empty() || !printable ? std::string() : path + ":0";
}

ProxyParse parse_v2(Bytes bytes) {
  if (!begins_as(bytes, kProxyV2Signature)) return no_header(bytes, ProxyVersion::v2);
  if (bytes.size() < kFixedBytes) return {};
  const uint8_t command = bytes[12];
  if (command != kLocal && command != kProxy) {
    return bad(fmt::format("version and command {:02X} in the PROXY header are unknown", command));
  }
  const size_t size = kFixedBytes + ByteReader(bytes.subspan(14)).u16();
  if (size > kProxyV2BytesMax) {
    return bad(
        fmt::format("the PROXY header has {} bytes, at most {} are taken", size, kProxyV2BytesMax));
  }
  if (bytes.size() < size) return {};
  ProxyParse parsed{.status = Status::complete, .size = size};
  parsed.header.is_local = command == kLocal;
  // Whatever else it carries is to be ignored.
  if (parsed.header.is_local) return parsed;
  const std::optional<size_t> addresses = address_bytes(bytes[13]);
  if (!addresses) {
    return bad(fmt::format("address family and protocol {:02X} in the PROXY header are unknown",
                           bytes[13]));
  }
  if (size < kFixedBytes + *addresses) return bad("the addresses in the PROXY header are cut off");
  parsed.header.address = client_address(bytes.subspan(kFixedBytes, *addresses));
  const std::string_view fault =
      read_tlvs(bytes.first(size), kFixedBytes + *addresses, parsed.header);
  return fault.empty() ? parsed : bad(std::string(fault));
}

}  // namespace

ProxyParse parse_proxy_header(Bytes bytes, ProxyVersion version) {
  if (bytes.empty()) return {};
  return version == ProxyVersion::v1 ? parse_v1(bytes) : parse_v2(bytes);
}

}  // namespace tombo::net
