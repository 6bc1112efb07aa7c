#include "net/listener.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <vector>

#include <gtest/gtest.h>

#include "net/epoll_loop.h"

namespace tombo::net {
namespace {

using Kind = Listener::Accepted::Kind;

Endpoint loopback(bool ipv6 = false, uint16_t port = 0) {
  ListenPlace place;
  place.host = ipv6 ? "::1" : "127.0.0.1";
  place.port = port;
  const auto endpoints = resolve(place);
  return endpoints ? endpoints->front() : Endpoint{};
}

bool has_ipv6() {
  return loopback(true).size != 0 && listen_at(loopback(true), 1).has_value();
}

Socket connect_to(const Socket& listening) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(listening.descriptor(), reinterpret_cast<sockaddr*>(&address), &size);
  Socket socket(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int done = ::connect(socket.descriptor(), reinterpret_cast<sockaddr*>(&address), size);
  EXPECT_EQ(done, 0) << std::strerror(errno);
  return socket;
}

int option_of(const Socket& socket, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(socket.descriptor(), level, option, &value, &size), 0);
  return value;
}

TEST(ListenAt, shares_one_port_among_its_sockets) {
  auto sockets = listen_at(loopback(), 3);
  ASSERT_TRUE(sockets) << sockets.error().text;
  ASSERT_EQ(sockets->size(), 3U);
  EXPECT_NE(port_of(sockets->front()), 0);
  for (const Socket& socket : *sockets) {
    EXPECT_EQ(port_of(socket), port_of(sockets->front()));
    EXPECT_EQ(option_of(socket, SOL_SOCKET, SO_REUSEADDR), 1);
    EXPECT_EQ(option_of(socket, SOL_SOCKET, SO_REUSEPORT), 1);
  }
}

TEST(TryToBind, tells_who_listens_already_and_leaves_a_free_port_alone) {
  auto sockets = listen_at(loopback(), 1);
  ASSERT_TRUE(sockets) << sockets.error().text;
  const Endpoint taken = loopback(false, port_of(sockets->front()));
  EXPECT_EQ(try_to_bind(taken), EADDRINUSE);
  sockets->clear();
  EXPECT_EQ(try_to_bind(taken), 0);
  EXPECT_TRUE(listen_at(taken, 2));
}

TEST(ListenAt, the_kernel_spreads_connections_over_all_sockets) {
  auto sockets = listen_at(loopback(), 2);
  ASSERT_TRUE(sockets);
  std::vector<Socket> clients;
  clients.reserve(64);
  for (int i = 0; i < 64; ++i) clients.push_back(connect_to(sockets->front()));
  size_t taken = 0;
  for (Socket& socket : *sockets) {
    Listener listener(std::move(socket));
    size_t here = 0;
    while (listener.accept().kind == Kind::connection) ++here;
    EXPECT_GT(here, 0U);
    taken += here;
  }
  EXPECT_EQ(taken, clients.size());
}

TEST(ListenAt, refuses_a_port_where_somebody_listens) {
  for (const unsigned count : {1U, 2U}) {
    const auto first = listen_at(loopback(), count);
    ASSERT_TRUE(first);
    const uint16_t port = port_of(first->front());
    for (const unsigned again : {1U, 2U}) {
      const auto second = listen_at(loopback(false, port), again);
      ASSERT_FALSE(second);
      EXPECT_EQ(second.error().text, "Address already in use");
      EXPECT_EQ(second.error().code, 1);
    }
  }
}

TEST(ListenAt, takes_a_port_whose_old_connections_linger) {
  auto first = listen_at(loopback(), 2);
  ASSERT_TRUE(first);
  const uint16_t port = port_of(first->front());
  const Socket client = connect_to(first->front());
  // The side that closes first keeps the port in TIME_WAIT.
  for (Socket& socket : *first) {
    Listener listener(std::move(socket));
    while (listener.accept().kind == Kind::connection) continue;
  }
  first->clear();
  const auto second = listen_at(loopback(false, port), 2);
  EXPECT_TRUE(second) << second.error().text;
}

TEST(ListenAt, ipv4_and_ipv6_have_sockets_of_their_own_at_one_port) {
  if (!has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  ListenPlace place;
  place.family = Family::ipv4;
  auto v4 = listen_at(resolve(place)->front(), 2);
  ASSERT_TRUE(v4);
  place.family = Family::ipv6;
  place.port = port_of(v4->front());
  const auto v6 = listen_at(resolve(place)->front(), 2);
  EXPECT_TRUE(v6) << v6.error().text;
}

TEST(Resolve, finds_both_families_for_all_addresses) {
  const auto endpoints = resolve(ListenPlace{.port = 1883});
  ASSERT_TRUE(endpoints);
  EXPECT_FALSE(endpoints->front().is_ipv6());
  EXPECT_EQ(to_text(endpoints->front().address), "0.0.0.0:1883");
  if (endpoints->size() > 1) {
    EXPECT_EQ(to_text((*endpoints)[1].address), ":::1883");
  }
}

TEST(Resolve, keeps_the_family_asked_for) {
  const auto endpoints = resolve(ListenPlace{.family = Family::ipv4});
  ASSERT_TRUE(endpoints);
  for (const Endpoint& endpoint : *endpoints) EXPECT_FALSE(endpoint.is_ipv6());
}

TEST(Resolve, takes_the_address_of_a_device) {
  const auto endpoints = resolve(ListenPlace{.port = 7, .device = "lo", .family = Family::ipv4});
  ASSERT_TRUE(endpoints) << endpoints.error().text;
  ASSERT_EQ(endpoints->size(), 1U);
  EXPECT_EQ(to_text(endpoints->front().address), "127.0.0.1:7");
}

TEST(Resolve, keeps_the_scope_of_a_link_local_address) {
  if (!has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  const auto endpoints = resolve(ListenPlace{.host = "fe80::1%lo"});
  ASSERT_TRUE(endpoints) << endpoints.error().text;
  const auto* address = reinterpret_cast<const sockaddr_in6*>(&endpoints->front().address);
  EXPECT_EQ(address->sin6_scope_id, ::if_nametoindex("lo"));
  EXPECT_FALSE(resolve(ListenPlace{.host = "fe80::1%nosuch0"}));
}

TEST(Resolve, says_what_is_wrong_with_a_device_or_host) {
  const auto unknown = resolve(ListenPlace{.device = "nosuch0"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().text, "Interface nosuch0 does not exist.");
  const auto other = resolve(ListenPlace{.host = "127.0.0.9", .device = "lo"});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().text,
            "Interface address for lo does not match specified listener address (127.0.0.9).");
  EXPECT_FALSE(resolve(ListenPlace{.host = "256.1.1.1.1:x"}));
}

TEST(ListenerTest, accepts_sockets_that_never_block_and_names_the_peer) {
  auto sockets = listen_at(loopback(), 1);
  ASSERT_TRUE(sockets);
  Listener listener(std::move(sockets->front()));
  EXPECT_EQ(listener.accept().kind, Kind::none);

  Socket listening(::dup(listener.descriptor()));
  const Socket client = connect_to(listening);
  const auto accepted = listener.accept();
  ASSERT_EQ(accepted.kind, Kind::connection);
  EXPECT_EQ(accepted.peer, "127.0.0.1:" + std::to_string(port_of(client)));
  const int flags = ::fcntl(accepted.socket.descriptor(), F_GETFL);
  EXPECT_NE(flags & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(accepted.socket.descriptor(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(ListenerTest, prints_an_ipv6_peer_without_brackets) {
  if (!has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  auto sockets = listen_at(loopback(true), 1);
  Socket listening(::dup(sockets->front().descriptor()));
  Listener listener(std::move(sockets->front()));
  const Socket client = connect_to(listening);
  EXPECT_EQ(listener.accept().peer, "::1:" + std::to_string(port_of(client)));
}

TEST(ListenerTest, connections_inherit_no_delay) {
  auto sockets = listen_at(loopback(), 1);
  Socket listening(::dup(sockets->front().descriptor()));
  const Socket early = connect_to(listening);
  Listener listener(std::move(sockets->front()));
  EXPECT_NE(option_of(listener.accept().socket, IPPROTO_TCP, TCP_NODELAY), 0);
  for (const bool on : {true, false}) {
    listener.set_no_delay(on);
    const Socket client = connect_to(listening);
    const auto accepted = listener.accept();
    ASSERT_EQ(accepted.kind, Kind::connection);
    EXPECT_EQ(option_of(accepted.socket, IPPROTO_TCP, TCP_NODELAY) != 0, on);
  }
}

/// Nobody gets a new descriptor while it lives.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const Socket lowest(::open("/dev/null", O_RDONLY));
    rlimit tight = before_;
    tight.rlim_cur = static_cast<rlim_t>(lowest.descriptor());
    ::setrlimit(RLIMIT_NOFILE, &tight);
  }

  ~NoDescriptorsLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
  NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;

 private:
  rlimit before_{};
};

TEST(ListenerTest, closes_connections_it_has_no_descriptors_for) {
  auto sockets = listen_at(loopback(), 1);
  Socket listening(::dup(sockets->front().descriptor()));
  Listener listener(std::move(sockets->front()));
  const Socket first = connect_to(listening);
  const Socket second = connect_to(listening);
  {
    const NoDescriptorsLeft tight;
    for (int i = 0; i < 2; ++i) {
      const auto accepted = listener.accept();
      EXPECT_EQ(accepted.kind, Kind::refused);
      EXPECT_EQ(accepted.error, EMFILE);
    }
    EXPECT_EQ(listener.accept().kind, Kind::none);
  }
  char byte = 0;
  EXPECT_LE(::recv(first.descriptor(), &byte, 1, 0), 0);
  const Socket third = connect_to(listening);
  EXPECT_EQ(listener.accept().kind, Kind::connection);
}

}  // namespace
}  // namespace tombo::net
