#include "net/tcp.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <vector>

#include <gtest/gtest.h>

#include "net/epoll_loop.h"
#include "net/linger_queue.h"
#include "net/listener.h"

namespace tombo::net {
namespace {

using Kind = IoResult::Kind;
constexpr uint32_t kLingering = 2;

iovec slice(std::string& text) {
  return {text.data(), text.size()};
}

/// A connection over loopback: `transport` is ours, `peer` the client's blocking socket.
class TcpTest : public testing::Test {
 protected:
  void SetUp() override {
    auto listening = listen_at(resolve({.host = "127.0.0.1"})->front(), 1);
    ASSERT_TRUE(listening);
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(::getsockname(listening->front().descriptor(), generic, &size), 0);
    peer = Socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(peer.descriptor(), generic, size), 0);
    Listener listener(std::move(listening->front()));
    auto accepted = listener.accept();
    ASSERT_EQ(accepted.kind, Listener::Accepted::Kind::connection);
    transport = std::make_unique<TcpTransport>(std::move(accepted.socket));
  }

  void peer_sends(std::string_view text) {
    ASSERT_EQ(::send(peer.descriptor(), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
  }

  /// All that comes until the end of the stream; "reset" behind it when that was one.
  std::string peer_receives() {
    std::string all;
    std::array<char, 4096> part{};
    for (;;) {
      const ssize_t count = ::recv(peer.descriptor(), part.data(), part.size(), 0);
      if (count < 0) return all + "reset";
      if (count == 0) return all;
      all.append(part.data(), static_cast<size_t>(count));
    }
  }

  void wait_readable() {
    ASSERT_TRUE(loop.add(transport->descriptor(), 1, Interest::read));
    ASSERT_EQ(loop.wait(std::nullopt).size(), 1U);
    loop.remove(transport->descriptor());
  }

  EpollLoop loop;
  std::unique_ptr<TcpTransport> transport;
  Socket peer;
  std::array<uint8_t, 64> buffer{};
};

TEST_F(TcpTest, reads_what_is_there_and_then_blocks) {
  EXPECT_EQ(transport->read(buffer).kind, Kind::blocked);
  peer_sends("abc");
  wait_readable();
  const IoResult result = transport->read(buffer);
  EXPECT_EQ(result.kind, Kind::done);
  ASSERT_EQ(result.count, 3U);
  EXPECT_EQ(std::memcmp(buffer.data(), "abc", 3), 0);
  EXPECT_EQ(transport->read(buffer).kind, Kind::blocked);
}

TEST_F(TcpTest, tells_the_end_of_the_stream) {
  ASSERT_EQ(::shutdown(peer.descriptor(), SHUT_WR), 0);
  wait_readable();
  EXPECT_EQ(transport->read(buffer).kind, Kind::ended);
}

TEST_F(TcpTest, tells_a_reset) {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(peer.descriptor(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
  peer.close();
  const IoResult result = transport->read(buffer);
  EXPECT_EQ(result.kind, Kind::failed);
  EXPECT_EQ(result.error, ECONNRESET);
}

TEST_F(TcpTest, writes_slices_as_one_stream) {
  std::string one = "one";
  std::string two = "two";
  const std::array slices{slice(one), slice(two)};
  EXPECT_EQ(transport->write(slices).count, 6U);
  transport.reset();
  EXPECT_EQ(peer_receives(), "onetwo");
}

TEST_F(TcpTest, a_full_socket_takes_a_part_and_then_blocks) {
  std::string much(size_t{16} << 20, 'x');
  const std::array slices{slice(much)};
  IoResult result = transport->write(slices);
  EXPECT_EQ(result.kind, Kind::done);
  EXPECT_LT(result.count, much.size());
  while (result.kind == Kind::done) result = transport->write(slices);
  EXPECT_EQ(result.kind, Kind::blocked);
}

TEST_F(TcpTest, writing_to_a_reset_connection_fails_without_a_signal) {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(peer.descriptor(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
  peer.close();
  std::string text = "text";
  const std::array slices{slice(text)};
  IoResult result = transport->write(slices);
  if (result.kind == Kind::done) result = transport->write(slices);
  EXPECT_EQ(result.kind, Kind::failed);
}

TEST_F(TcpTest, the_last_words_arrive_although_input_was_never_read) {
  peer_sends(std::string(100'000, 'x'));
  std::string text = "last words";
  const std::array slices{slice(text)};
  ASSERT_EQ(transport->write(slices).count, text.size());
  LingerQueue queue(loop, kLingering);
  queue.add(transport->finish(), Time());
  EXPECT_EQ(peer_receives(), "last words");

  // What comes later is thrown away, and the end of the peer's stream ends it.
  peer_sends("more");
  peer.close();
  while (queue.size() != 0) {
    for (const Event& event : loop.wait(std::nullopt)) {
      EXPECT_EQ(event.tag >> 32, kLingering);
      queue.on_event(event.tag);
    }
  }
  EXPECT_EQ(queue.next_deadline(), std::nullopt);
}

TEST_F(TcpTest, a_peer_that_has_ended_its_side_does_not_linger) {
  peer.close();
  wait_readable();
  LingerQueue queue(loop, kLingering);
  queue.add(transport->finish(), Time());
  EXPECT_EQ(queue.size(), 0U);
}

TEST_F(TcpTest, lingering_ends_when_the_time_is_over) {
  LingerQueue queue(loop, kLingering);
  const Time start{Duration(5000)};
  queue.add(transport->finish(), start);
  ASSERT_EQ(queue.next_deadline(), start + LingerQueue::kTime);
  queue.expire(start + LingerQueue::kTime - Duration(1));
  EXPECT_EQ(queue.size(), 1U);
  queue.expire(start + LingerQueue::kTime);
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(peer_receives(), "");
}

TEST_F(TcpTest, the_oldest_gives_way_when_too_many_linger) {
  LingerQueue queue(loop, kLingering);
  std::vector<Socket> far;
  for (size_t i = 0; i <= LingerQueue::kSocketsMax; ++i) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    far.emplace_back(ends[1]);
    queue.add(Socket(ends[0]), Time(Duration(i)));
  }
  EXPECT_EQ(queue.size(), LingerQueue::kSocketsMax);
  char byte = 0;
  EXPECT_EQ(::recv(far[0].descriptor(), &byte, 1, 0), 0);
  EXPECT_EQ(::recv(far[1].descriptor(), &byte, 1, 0), -1);
}

}  // namespace
}  // namespace tombo::net
