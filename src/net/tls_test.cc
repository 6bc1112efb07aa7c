#include "net/tls.h"

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "net/test_certificates.h"
#include "net/test_tls_client.h"

namespace tombo::net {
namespace {

using Kind = IoResult::Kind;
using testing::Test;

/// Both ends of a connection in one thread, driven in turns.
class TlsTest : public Test {
 protected:
  TlsTest() : server(authority.issue("server")) {
    settings.certfile = folder.file("server.crt", server.certificate);
    settings.keyfile = folder.file("server.key", server.key);
    settings.name = "test";
  }

  void want_client_certificates() {
    settings.cafile = folder.file("ca.crt", authority.certificate());
    settings.require_certificate = true;
  }

  void open() {
    if (context == nullptr) {
      auto made = TlsContext::make(settings);
      ASSERT_TRUE(made) << made.error().text;
      context = *made;
    }
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    transport = std::make_unique<TlsTransport>(Socket(ends[0]), context);
    peer = Socket(ends[1]);
  }

  /// Lets both ends shake hands; the outcome is that of the broker's end.
  IoResult connect(SSL_SESSION* session = nullptr) {
    if (transport == nullptr) open();
    client.attach(peer.descriptor(), session);
    IoResult result{.kind = Kind::blocked};
    for (int round = 0; round < 10 && result.kind == Kind::blocked; ++round) {
      client.shake_hands();
      result = transport->read(buffer);
      if (!transport->is_opening()) break;
    }
    return result;
  }

  void connect_well() {
    const IoResult result = connect();
    ASSERT_EQ(result.kind, Kind::blocked) << transport->why_failed();
    ASSERT_FALSE(transport->is_opening());
    ASSERT_TRUE(client.shake_hands());
  }

  std::string read() {
    const IoResult result = transport->read(buffer);
    if (result.kind == Kind::ended) return "ended";
    if (result.kind == Kind::failed) return "failed: " + std::string(transport->why_failed());
    return {reinterpret_cast<const char*>(buffer.data()), result.count};
  }

  IoResult write(std::vector<std::string> texts) {
    std::vector<iovec> slices;
    for (std::string& text : texts) slices.push_back({text.data(), text.size()});
    return transport->write(slices);
  }

  /// The words with which the handshake fails.
  std::string refusal() {
    const IoResult result = connect();
    EXPECT_EQ(result.kind, Kind::failed);
    EXPECT_EQ(result.error, EPROTO);
    return std::string(transport->why_failed());
  }

  TestFolder folder;
  TestAuthority authority{"Authority"};
  TestIdentity server;
  TlsSettings settings;
  std::shared_ptr<const TlsContext> context;
  std::unique_ptr<TlsTransport> transport;
  Socket peer;
  TestTlsClient client;
  std::vector<uint8_t> buffer = std::vector<uint8_t>(TlsTransport::kReadBytesMin);
};

TEST_F(TlsTest, carries_bytes_both_ways) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    transport = nullptr;
    client.only(version);
    client.trust(authority);
    connect_well();
    EXPECT_STREQ(SSL_get_version(client.ssl()), version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
    ASSERT_TRUE(client.send("hello"));
    EXPECT_EQ(read(), "hello");
    EXPECT_EQ(transport->read(buffer).kind, Kind::blocked);
    EXPECT_EQ(write({"a", "", "bc"}).count, 3U);
    EXPECT_EQ(client.receive(), "abc");
  }
}

TEST_F(TlsTest, reads_bytes_that_come_one_by_one) {
  connect_well();
  // The record goes through a second pair of sockets, to be cut on the way.
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  const Socket near(ends[0]);
  const Socket far(ends[1]);
  SSL_set_fd(client.ssl(), far.descriptor());
  ASSERT_TRUE(client.send("hello"));
  std::string all;
  std::array<char, 1> byte{};
  while (::recv(near.descriptor(), byte.data(), 1, 0) == 1) {
    ASSERT_EQ(::send(peer.descriptor(), byte.data(), 1, 0), 1);
    all += read();
  }
  EXPECT_EQ(all, "hello");
}

TEST_F(TlsTest, reads_long_streams_without_mixing_what_is_read_and_what_is_to_be_read) {
  connect_well();
  std::string sent;
  std::string received;
  for (int i = 0; i < 400; ++i) {
    // Sizes that leave parts of records behind in every way.
    const std::string text(static_cast<size_t>(1 + (i * 7919) % 20000),
                           static_cast<char>('a' + i % 26));
    sent += text;
    for (size_t at = 0; at < text.size();) {
      size_t count = 0;
      if (SSL_write_ex(client.ssl(), text.data() + at, text.size() - at, &count) == 1) at += count;
      received += read();
    }
  }
  for (std::string part = read(); !part.empty(); part = read()) received += part;
  EXPECT_TRUE(received == sent);
}

TEST_F(TlsTest, keeps_what_the_socket_does_not_take_until_it_does) {
  connect_well();
  std::string sent;
  IoResult result;
  do {
    const std::string text(50'000, static_cast<char>('a' + sent.size() % 26));
    result = write({text.substr(0, 100), text.substr(100)});
    ASSERT_EQ(result.kind, Kind::done);
    sent += text.substr(0, result.count);
  } while (!transport->wants_write());
  EXPECT_EQ(transport->flush().kind, Kind::blocked);
  EXPECT_EQ(write({"x"}).kind, Kind::blocked);

  std::string received;
  while (received.size() < sent.size()) {
    received += client.receive();
    EXPECT_NE(transport->flush().kind, Kind::failed);
  }
  EXPECT_TRUE(received == sent);
  EXPECT_FALSE(transport->wants_write());
  EXPECT_EQ(write({"x"}).count, 1U);
}

TEST_F(TlsTest, tells_the_end_after_the_last_bytes) {
  connect_well();
  ASSERT_TRUE(client.send("bye"));
  SSL_shutdown(client.ssl());
  EXPECT_EQ(read(), "bye");
  EXPECT_EQ(read(), "ended");
  EXPECT_EQ(write({"too"}).count, 3U);  // The other direction is open.
}

TEST_F(TlsTest, says_goodbye) {
  connect_well();
  EXPECT_EQ(write({"last"}).count, 4U);
  const Socket socket = transport->finish();
  EXPECT_TRUE(socket);
  EXPECT_EQ(client.receive(), "last");
  EXPECT_EQ(client.receive(), "");
  EXPECT_EQ(SSL_get_shutdown(client.ssl()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}

TEST_F(TlsTest, tells_an_end_without_goodbye_too) {
  connect_well();
  ::shutdown(peer.descriptor(), SHUT_WR);
  EXPECT_EQ(read(), "ended");
}

TEST_F(TlsTest, refuses_a_record_that_was_changed) {
  connect_well();
  ASSERT_TRUE(client.send("fine"));
  const std::string record(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  ASSERT_EQ(::send(peer.descriptor(), record.data(), record.size(), 0), 37);
  EXPECT_EQ(read(), "fine");
  EXPECT_EQ(read().substr(0, 19), "failed: TLS failed:");
  EXPECT_EQ(write({"x"}).kind, Kind::failed);
}

TEST_F(TlsTest, says_what_the_client_speaks_instead) {
  const std::pair<std::string, std::string> cases[] = {
      {"\x10\x0d", "looks like plain MQTT on a TLS listener"},
      {"GET / HTTP/1.1", "looks like no TLS on a TLS listener (first byte 47)"},
      {std::string("\x16\x03\x01\x00\x05hello", 10), "TLS handshake failed: "},
  };
  for (const auto& [bytes, text] : cases) {
    open();
    ASSERT_GT(::send(peer.descriptor(), bytes.data(), bytes.size(), 0), 0);
    EXPECT_EQ(read().substr(0, 8 + text.size()), "failed: " + text);
    EXPECT_TRUE(transport->finish());
  }
}

TEST_F(TlsTest, says_that_the_client_refuses_its_certificate) {
  const TestAuthority other("Other");
  client.trust(other);
  EXPECT_EQ(refusal(),
            "TLS handshake failed: the client refused with \"unknown CA\": "
            "it does not trust the authority of certfile");
}

TEST_F(TlsTest, does_not_speak_older_versions_than_it_is_told_to) {
  settings.tls13_only = true;
  client.only(TLS1_2_VERSION);
  EXPECT_EQ(
      refusal(),
      "TLS handshake failed: unsupported protocol: the client's TLS is older than tls_version");
}

TEST_F(TlsTest, names_the_client_by_its_certificate) {
  want_client_certificates();
  client.use(folder, authority.issue("sensor-7/Works"));
  connect_well();
  EXPECT_EQ(transport->peer_name(PeerName::common_name), "sensor-7");
  EXPECT_EQ(transport->peer_name(PeerName::subject), "CN=sensor-7,O=Works");
}

TEST_F(TlsTest, finds_no_name_where_there_is_none) {
  want_client_certificates();
  client.use(folder, authority.issue("/Works"));
  connect_well();
  EXPECT_EQ(transport->peer_name(PeerName::common_name), std::nullopt);
  EXPECT_EQ(transport->peer_name(PeerName::subject), "O=Works");
}

TEST_F(TlsTest, asks_for_no_certificate_unless_told_to) {
  client.use(folder, authority.issue("sensor-7"));
  connect_well();
  EXPECT_EQ(transport->peer_name(PeerName::common_name), std::nullopt);
}

TEST_F(TlsTest, refuses_clients_without_a_good_certificate_and_says_why) {
  want_client_certificates();
  EXPECT_EQ(refusal(),
            "TLS handshake failed: peer did not return a certificate: the client has none, and "
            "require_certificate is on");

  open();
  TestAuthority other("Other");
  client.use(folder, other.issue("stranger"));
  EXPECT_EQ(refusal(),
            "TLS handshake failed: certificate of the client refused: "
            "unable to get local issuer certificate: its authority is not in cafile or capath "
            "(CN=stranger)");

  open();
  client.use(folder, authority.issue("late", -1));
  EXPECT_EQ(refusal(),
            "TLS handshake failed: certificate of the client refused: "
            "certificate has expired (CN=late)");
}

TEST_F(TlsTest, refuses_revoked_certificates_and_no_others) {
  want_client_certificates();
  const TestIdentity stolen = authority.issue("stolen");
  settings.crlfile = folder.file("crl.pem", authority.revoke({stolen.serial}));
  client.use(folder, stolen);
  EXPECT_EQ(refusal(),
            "TLS handshake failed: certificate of the client refused: "
            "certificate revoked (CN=stolen)");
  open();
  client.use(folder, authority.issue("fine"));
  connect_well();
}

TEST_F(TlsTest, lets_expired_certificates_in_when_told_to) {
  want_client_certificates();
  settings.disable_client_cert_date_checks = true;
  client.use(folder, authority.issue("late", -1));
  connect_well();
  EXPECT_EQ(transport->peer_name(PeerName::common_name), "late");
}

TEST_F(TlsTest, finds_authorities_in_a_folder) {
  std::filesystem::create_directory(folder.path("cas"));
  std::ofstream(folder.path("cas/" + authority.hashed_name())) << authority.certificate();
  settings.capath = folder.path("cas");
  settings.require_certificate = true;
  client.use(folder, authority.issue("sensor-7"));
  connect_well();
}

TEST_F(TlsTest, resumes_sessions_with_the_name_of_the_client) {
  want_client_certificates();
  client.use(folder, authority.issue("sensor-7"));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    client.only(version);
    open();
    connect_well();
    EXPECT_EQ(write({"x"}).count, 1U);
    EXPECT_EQ(client.receive(), "x");  // Reads the ticket, too.
    const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(
        SSL_get1_session(client.ssl()), &SSL_SESSION_free);
    SSL_shutdown(client.ssl());  // OpenSSL does not resume what ended without.
    open();
    ASSERT_EQ(connect(session.get()).kind, Kind::blocked) << transport->why_failed();
    EXPECT_TRUE(SSL_session_reused(client.ssl()));
    EXPECT_EQ(transport->peer_name(PeerName::common_name), "sensor-7");
  }
}

TEST_F(TlsTest, chooses_mqtt_among_the_protocols_of_the_client) {
  const std::string offers[] = {std::string("\2h2\4mqtt"), std::string("\2h2")};
  for (const std::string& offer : offers) {
    open();
    SSL_CTX_set_alpn_protos(client.context(), reinterpret_cast<const unsigned char*>(offer.data()),
                            static_cast<unsigned>(offer.size()));
    connect_well();
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.ssl(), &chosen, &size);
    const std::string name(reinterpret_cast<const char*>(chosen), size);
    EXPECT_EQ(name, offer.size() > 3 ? "mqtt" : "");
  }
}

TEST_F(TlsTest, chooses_http_for_websocket) {
  settings.websocket = true;
  const std::string offer("\2h2\4mqtt\10http/1.1");
  open();
  SSL_CTX_set_alpn_protos(client.context(), reinterpret_cast<const unsigned char*>(offer.data()),
                          static_cast<unsigned>(offer.size()));
  connect_well();
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(client.ssl(), &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
}

// NOLINTNEXTLINE(readability-function-size): OpenSSL says what it gets.
unsigned client_psk(SSL* /*ssl*/, const char* /*hint*/, char* identity, unsigned identity_size,
                    unsigned char* key, unsigned /*key_size*/) {
  std::string("sensor-7").copy(identity, identity_size - 1);
  identity[8] = '\0';
  std::string("secret").copy(reinterpret_cast<char*>(key), 6);
  return 6;
}

TEST_F(TlsTest, knows_clients_by_a_key_they_share) {
  settings = {};
  settings.psk = true;
  settings.psk_hint = "tombo";
  settings.psk_keys = {{"sensor-7", "secret"}};
  SSL_CTX_set_psk_client_callback(client.context(), &client_psk);
  connect_well();
  EXPECT_EQ(transport->peer_name(PeerName::common_name), "sensor-7");
  EXPECT_STREQ(SSL_get_version(client.ssl()), "TLSv1.2");
}

TEST_F(TlsTest, refuses_identities_without_a_key_and_wrong_keys) {
  settings = {};
  settings.psk = true;
  SSL_CTX_set_psk_client_callback(client.context(), &client_psk);
  EXPECT_EQ(refusal(), "TLS handshake failed: psk_file has no identity sensor-7");

  settings.psk_keys = {{"sensor-7", "another"}};
  context = nullptr;
  open();
  EXPECT_EQ(refusal(),
            "TLS handshake failed: the client has another key than psk_file for identity sensor-7");
}

TEST_F(TlsTest, writes_secrets_to_a_key_log) {
  settings.keylog = folder.path("keys");
  connect_well();
  EXPECT_NE(folder.text_of("keys").find("SERVER_TRAFFIC_SECRET_0 "), std::string::npos);
}

}  // namespace
}  // namespace tombo::net
