#include "net/proxy_transport.h"

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <utility>

#include <gtest/gtest.h>

#include "net/tcp.h"
#include "net/test_proxy_header.h"

namespace tombo::net {
namespace {

using Kind = IoResult::Kind;
using test::ssl_tlv;
using test::v2_header;
using test::v2_tcp4;

/// `transport` is ours, `peer` the proxy's socket.
class ProxyTransportTest : public testing::Test {
 protected:
  void start(ProxySettings settings) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    peer = Socket(ends[1]);
    transport = std::make_unique<ProxyTransport>(
        Socket(ends[0]), "proxy:1", settings,
        [](Socket socket) { return std::make_unique<TcpTransport>(std::move(socket)); });
  }

  void send(std::string_view bytes) const {
    ASSERT_EQ(::send(peer.descriptor(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }

  /// What read() gives, or the kind of it.
  std::string read() {
    result = transport->read(buffer);
    switch (result.kind) {
      case Kind::done:
        return std::string(as_text(Bytes(buffer).first(result.count)));
      case Kind::blocked:
        return "blocked";
      case Kind::ended:
        return "ended";
      case Kind::failed:
        return "failed: " + std::string(transport->why_failed());
    }
    return {};
  }

  Socket peer;
  std::unique_ptr<ProxyTransport> transport;
  IoResult result;
  std::array<uint8_t, 65536> buffer{};
};

constexpr std::string_view kLine = "PROXY TCP4 203.0.113.7 192.0.2.1 4711 1883\r\n";

TEST_F(ProxyTransportTest, gives_what_stands_behind_the_header) {
  start({});
  send(std::string(kLine) + "rest");
  EXPECT_EQ(transport->take_client_address(), std::nullopt);
  EXPECT_TRUE(transport->is_opening());
  EXPECT_EQ(read(), "rest");
  EXPECT_FALSE(transport->is_opening());
  EXPECT_EQ(transport->take_client_address(), "203.0.113.7:4711");
  EXPECT_EQ(transport->take_client_address(), std::nullopt);
  send("more");
  EXPECT_EQ(read(), "more");
}

TEST_F(ProxyTransportTest, takes_a_header_that_comes_byte_by_byte) {
  for (const auto& [version, header] :
       {std::pair(ProxyVersion::v1, std::string(kLine)), {ProxyVersion::v2, v2_tcp4()}}) {
    start({.version = version});
    for (const char byte : header) {
      send({&byte, 1});
      ASSERT_EQ(read(), "blocked");
      // Nothing is left that the loop would tell of again.
      ASSERT_EQ(::recv(transport->descriptor(), buffer.data(), 1, MSG_PEEK), -1);
    }
    EXPECT_EQ(transport->take_client_address(), "203.0.113.7:4711");
    send("rest");
    EXPECT_EQ(read(), "rest");
  }
}

TEST_F(ProxyTransportTest, keeps_the_peer_when_the_proxy_names_nobody) {
  for (const std::string& header : {v2_header(0x20, 0, ""), v2_header(0x21, 0, "")}) {
    start({.version = ProxyVersion::v2});
    send(header + "rest");
    EXPECT_EQ(read(), "rest");
    EXPECT_EQ(transport->take_client_address(), "proxy:1");
  }
}

TEST_F(ProxyTransportTest, fails_without_a_header) {
  start({});
  send("\x10\x0C");
  EXPECT_EQ(read(), "failed: no PROXY header: looks like plain MQTT");
  EXPECT_EQ(result.error, EPROTO);
  EXPECT_EQ(read(), "failed: no PROXY header: looks like plain MQTT");
  EXPECT_TRUE(transport->finish());
}

TEST_F(ProxyTransportTest, tells_an_end_within_the_header_from_one_before) {
  start({});
  peer.close();
  EXPECT_EQ(read(), "ended");
  start({});
  send("PROXY ");
  EXPECT_EQ(read(), "blocked");
  peer.close();
  EXPECT_EQ(read(), "failed: the connection ended within the PROXY header");
}

TEST_F(ProxyTransportTest, asks_for_tls_at_the_proxy) {
  const ProxySettings settings{.version = ProxyVersion::v2, .require_tls = true};
  start(settings);
  send(v2_tcp4());
  EXPECT_EQ(read(), "failed: the PROXY header has no TLS information");
  EXPECT_EQ(transport->take_client_address(), "203.0.113.7:4711");
  start(settings);
  send(v2_tcp4(ssl_tlv(1, true, "")) + "rest");
  EXPECT_EQ(read(), "rest");
}

TEST_F(ProxyTransportTest, asks_for_a_verified_certificate) {
  const ProxySettings settings{.version = ProxyVersion::v2, .require_certificate = true};
  for (const std::string& tlvs : {std::string(), ssl_tlv(1, true, ""), ssl_tlv(3, false, "x")}) {
    start(settings);
    send(v2_tcp4(tlvs));
    EXPECT_EQ(read(), "failed: the proxy has not verified a certificate of the client");
  }
  start(settings);
  send(v2_tcp4(ssl_tlv(3, true, "sensor-7")) + "rest");
  EXPECT_EQ(read(), "rest");
}

TEST_F(ProxyTransportTest, the_common_name_is_the_peers_once_it_is_verified) {
  for (const bool verified : {true, false}) {
    start({.version = ProxyVersion::v2});
    send(v2_tcp4(ssl_tlv(3, verified, "sensor-7")));
    EXPECT_EQ(read(), "blocked");
    EXPECT_EQ(transport->peer_name(PeerName::common_name),
              verified ? std::optional<std::string>("sensor-7") : std::nullopt);
    EXPECT_EQ(transport->peer_name(PeerName::subject), std::nullopt);
  }
}

TEST_F(ProxyTransportTest, a_proxy_may_look_whether_we_are_alive_but_say_nothing) {
  const ProxySettings settings{.version = ProxyVersion::v2, .require_tls = true};
  start(settings);
  send(v2_header(0x20, 0, ""));
  EXPECT_EQ(read(), "blocked");
  peer.close();
  EXPECT_EQ(read(), "ended");
  start(settings);
  send(v2_header(0x20, 0, "") + "\x10");
  EXPECT_EQ(read(), "blocked");
  EXPECT_EQ(read(), "failed: the PROXY header has no TLS information");
}

TEST_F(ProxyTransportTest, has_nothing_to_say_before_the_header) {
  start({});
  std::string text = "x";
  const iovec slice{text.data(), text.size()};
  EXPECT_EQ(transport->write({&slice, 1}).kind, Kind::failed);
  start({});
  send(kLine);
  EXPECT_EQ(read(), "blocked");
  EXPECT_EQ(transport->write({&slice, 1}).count, 1U);
  EXPECT_EQ(::recv(peer.descriptor(), buffer.data(), buffer.size(), 0), 1);
}

}  // namespace
}  // namespace tombo::net
