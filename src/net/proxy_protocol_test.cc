#include "net/proxy_protocol.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "net/test_proxy_header.h"

namespace tombo::net {
namespace {

using test::ssl_tlv;
using test::tlv;
using test::v2_header;
using test::v2_tcp4;
using test::v2_with_crc;
using Status = ProxyParse::Status;

ProxyParse v1(std::string_view text) {
  return parse_proxy_header(as_bytes(text), ProxyVersion::v1);
}

ProxyParse v2(std::string_view text) {
  return parse_proxy_header(as_bytes(text), ProxyVersion::v2);
}

void expect_bad(const ProxyParse& parsed, std::string_view fault) {
  EXPECT_EQ(parsed.status, Status::bad) << fault;
  EXPECT_EQ(parsed.fault, fault);
}

void expect_address(const ProxyParse& parsed, std::string_view address) {
  ASSERT_EQ(parsed.status, Status::complete) << parsed.fault;
  EXPECT_EQ(parsed.header.address, address);
}

TEST(ProxyV1, names_the_client) {
  expect_address(v1("PROXY TCP4 203.0.113.7 192.0.2.1 4711 1883\r\n"), "203.0.113.7:4711");
  expect_address(v1("PROXY TCP6 2001:db8::7 ::1 0 65535\r\n"), "2001:db8::7:0");
  expect_address(v1("PROXY UNKNOWN\r\n"), "");
  expect_address(v1("PROXY UNKNOWN whatever it is\r\n"), "");
}

TEST(ProxyV1, ends_with_its_line) {
  const std::string line = "PROXY TCP4 203.0.113.7 192.0.2.1 4711 1883\r\n";
  EXPECT_EQ(v1(line + "\x10\x0A PROXY\r\n").size, line.size());
  for (size_t size = 0; size < line.size(); ++size) {
    EXPECT_EQ(v1(line.substr(0, size)).status, Status::incomplete) << size;
  }
}

TEST(ProxyV1, has_at_most_107_bytes) {
  const std::string begin = "PROXY UNKNOWN " + std::string(91, 'x');
  EXPECT_EQ(v1(begin).status, Status::incomplete);
  EXPECT_EQ(v1(begin + "\r\n").size, kProxyV1BytesMax);
  expect_bad(v1(begin + "x\r\n"), "the PROXY header has more than 107 bytes");
}

TEST(ProxyV1, refuses_addresses_that_are_none) {
  for (const char* line :
       {"TCP4 203.0.113.7 192.0.2.1 4711", "TCP4 203.0.113.7 192.0.2.1 4711 1883 1",
        "TCP4 203.0.113.7 192.0.2.1 4711 65536", "TCP4 203.0.113.7 192.0.2.1 04711 1883",
        "TCP4 203.0.113.7 192.0.2.1 -1 1883", "TCP4 203.0.113.7 192.0.2.1 4711 1883 ",
        "TCP4 203.0.113.7  192.0.2.1 4711 1883", "TCP4 203.0.113 192.0.2.1 4711 1883",
        "TCP4 2001:db8::7 ::1 4711 1883", "TCP6 203.0.113.7 192.0.2.1 4711 1883",
        "TCP4 203.0.113.7 x 4711 1883", "TCP4 203.0.113.7\n192.0.2.1 4711 1883"}) {
    expect_bad(v1("PROXY " + std::string(line) + "\r\n"),
               "the addresses in the PROXY header are not right");
  }
  for (const char* line : {"", "TCP5 ::1 ::1 1 1", "unknown", "UDP4 1.2.3.4 1.2.3.4 1 1"}) {
    expect_bad(v1("PROXY " + std::string(line) + "\r\n"),
               "the PROXY header names no protocol but TCP4, TCP6 or UNKNOWN");
  }
}

TEST(ProxyHeader, says_what_came_in_its_place) {
  for (const auto& parse : {v1, v2}) {
    expect_bad(parse("\x10\x0C"), "no PROXY header: looks like plain MQTT");
    expect_bad(parse("\x16\x03\x01"), "no PROXY header: looks like TLS");
    expect_bad(parse("GET / HTTP/1.1"), "no PROXY header (first byte 47)");
  }
  expect_bad(v1("PROXIES"), "no PROXY header (first byte 50)");
  expect_bad(v1(v2_tcp4()), "a PROXY header of version 2, but enable_proxy_protocol is 1");
  expect_bad(v2("PROXY UNKNOWN\r\n"),
             "a PROXY header of version 1, but enable_proxy_protocol is 2");
}

TEST(ProxyV2, names_the_client) {
  expect_address(v2(v2_tcp4()), "203.0.113.7:4711");
  std::string tcp6 = std::string("\x20\x01\x0D\xB8", 4) + std::string(11, '\0') + '\7' +
                     std::string(16, '\0') + "\x12\x67\x07\x5B";
  expect_address(v2(v2_header(0x21, 0x21, tcp6)), "2001:db8::7:4711");
  std::string unix_path = "/run/client";
  unix_path.resize(216);
  expect_address(v2(v2_header(0x21, 0x31, unix_path)), "/run/client:0");
}

TEST(ProxyV2, may_leave_the_client_unnamed) {
  expect_address(v2(v2_header(0x21, 0x00, "")), "");
  expect_address(v2(v2_header(0x21, 0x31, std::string(216, '\0'))), "");
  std::string path = "/run/a\nNew connection from 1.2.3.4";
  path.resize(216);
  expect_address(v2(v2_header(0x21, 0x31, path)), "");
  EXPECT_FALSE(v2(v2_header(0x21, 0x00, "")).header.is_local);
  EXPECT_TRUE(v2(v2_header(0x20, 0x00, "")).header.is_local);
  EXPECT_TRUE(v2(v2_header(0x20, 0x77, "whatever it is")).header.is_local);
}

TEST(ProxyV2, ends_with_the_length_it_tells) {
  const std::string header = v2_tcp4(tlv(0x05, "unique"));
  EXPECT_EQ(v2(header + "\x10\x0A").size, header.size());
  for (size_t size = 0; size < header.size(); ++size) {
    EXPECT_EQ(v2(header.substr(0, size)).status, Status::incomplete) << size;
  }
}

TEST(ProxyV2, has_at_most_4112_bytes) {
  const std::string header = v2_tcp4(tlv(0x04, std::string(4096 - 12 - 3, 'x')));
  EXPECT_EQ(v2(header).size, kProxyV2BytesMax);
  const std::string longer = v2_tcp4(tlv(0x04, std::string(4096 - 12 - 2, 'x')));
  expect_bad(v2(longer.substr(0, 16)), "the PROXY header has 4113 bytes, at most 4112 are taken");
}

TEST(ProxyV2, refuses_what_it_does_not_know) {
  expect_bad(v2(v2_header(0x22, 0x11, "")),
             "version and command 22 in the PROXY header are unknown");
  expect_bad(v2(v2_header(0x11, 0x11, "")),
             "version and command 11 in the PROXY header are unknown");
  expect_bad(v2(v2_header(0x21, 0x12, std::string(12, '\0'))),
             "address family and protocol 12 in the PROXY header are unknown");
  expect_bad(v2(v2_header(0x21, 0x11, std::string(11, '\0'))),
             "the addresses in the PROXY header are cut off");
}

TEST(ProxyV2, tells_of_tls_and_of_a_verified_certificate) {
  const ProxyHeader plain = v2(v2_tcp4()).header;
  EXPECT_FALSE(plain.has_tls || plain.is_verified);
  const ProxyHeader verified = v2(v2_tcp4(ssl_tlv(3, true, "sensor-7"))).header;
  EXPECT_TRUE(verified.has_tls && verified.is_verified);
  EXPECT_EQ(verified.common_name, "sensor-7");
  EXPECT_TRUE(v2(v2_tcp4(ssl_tlv(5, true, "sensor-7"))).header.is_verified);
  const ProxyHeader none = v2(v2_tcp4(ssl_tlv(1, true, ""))).header;
  EXPECT_TRUE(none.has_tls && !none.is_verified);
  EXPECT_FALSE(v2(v2_tcp4(ssl_tlv(3, false, "forged"))).header.is_verified);
  const ProxyHeader without_tls = v2(v2_tcp4(ssl_tlv(2, true, "odd"))).header;
  EXPECT_FALSE(without_tls.has_tls || without_tls.is_verified);
}

TEST(ProxyV2, refuses_tlvs_that_do_not_fit) {
  expect_bad(v2(v2_tcp4("\x04")), "a TLV in the PROXY header has no end");
  expect_bad(v2(v2_tcp4(std::string("\x04\x00\x02x", 4))), "a TLV in the PROXY header has no end");
  const std::string_view wrong = "the TLS information in the PROXY header is not right";
  expect_bad(v2(v2_tcp4(tlv(0x20, std::string(4, '\1')))), wrong);
  expect_bad(v2(v2_tcp4(tlv(0x20, std::string("\3\0\0\0\0\x22\x00\x09x", 9)))), wrong);
  expect_bad(v2(v2_tcp4(ssl_tlv(1, true, "") + ssl_tlv(3, true, "forged"))),
             "the PROXY header has TLS information twice");
}

TEST(ProxyV2, checks_a_crc) {
  ASSERT_EQ(test::crc32c("123456789"), 0xE3069283U);
  const std::string right = v2_with_crc(tlv(0x05, "id"), ssl_tlv(3, true, "sensor-7"));
  EXPECT_EQ(v2(right).header.common_name, "sensor-7") << v2(right).fault;
  for (size_t place = 16; place < 28; ++place) {
    std::string forged = right;
    forged[place] = static_cast<char>(forged[place] ^ 1);
    expect_bad(v2(forged), "the CRC of the PROXY header is wrong");
  }
  expect_bad(v2(v2_tcp4(tlv(0x03, "xyz"))), "the CRC of the PROXY header is wrong");
}

}  // namespace
}  // namespace tombo::net
