#include "net/epoll_loop.h"

#include <array>
#include <chrono>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/sync/thread.h"

namespace tombo::net {
namespace {

using std::chrono::milliseconds;

class EpollLoopTest : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    near = Socket(ends[0]);
    far = Socket(ends[1]);
  }

  void far_writes() { ASSERT_EQ(::write(far.descriptor(), "x", 1), 1); }

  std::span<const Event> poll() { return loop.wait(Duration(0)); }

  EpollLoop loop;
  Socket near;
  Socket far;
};

TEST_F(EpollLoopTest, tells_the_tag_of_a_readable_descriptor_until_it_is_read) {
  ASSERT_TRUE(loop.add(near.descriptor(), 77, Interest::read));
  EXPECT_TRUE(poll().empty());
  far_writes();
  for (int i = 0; i < 2; ++i) {
    const auto events = loop.wait(std::nullopt);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].tag, 77U);
    EXPECT_TRUE(events[0].readable);
    EXPECT_FALSE(events[0].writable);
    EXPECT_FALSE(events[0].broken);
  }
}

TEST_F(EpollLoopTest, watches_for_writing_only_while_asked_to) {
  ASSERT_TRUE(loop.add(near.descriptor(), 1, Interest::read));
  EXPECT_TRUE(poll().empty());
  loop.change(near.descriptor(), 2, Interest::read_write);
  ASSERT_EQ(poll().size(), 1U);
  EXPECT_TRUE(poll()[0].writable);
  EXPECT_EQ(poll()[0].tag, 2U);
  loop.change(near.descriptor(), 2, Interest::read);
  EXPECT_TRUE(poll().empty());
}

TEST_F(EpollLoopTest, tells_a_broken_descriptor_whatever_is_watched) {
  ASSERT_TRUE(loop.add(near.descriptor(), 1, Interest::none));
  far_writes();
  EXPECT_TRUE(poll().empty());
  far.close();
  ASSERT_EQ(poll().size(), 1U);
  EXPECT_TRUE(poll()[0].broken);
}

TEST_F(EpollLoopTest, forgets_a_removed_descriptor) {
  ASSERT_TRUE(loop.add(near.descriptor(), 1, Interest::read));
  far_writes();
  loop.remove(near.descriptor());
  EXPECT_TRUE(poll().empty());
}

TEST_F(EpollLoopTest, a_wake_up_before_the_wait_is_not_lost) {
  loop.wake();
  EXPECT_TRUE(loop.wait(std::nullopt).empty());
  // It ends one wait, not all that follow, and the descriptor behind it is never read.
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(loop.wait(Duration(20)).empty());
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(19));
  loop.wake();
  EXPECT_TRUE(loop.wait(std::nullopt).empty());
}

TEST_F(EpollLoopTest, another_thread_ends_a_wait_without_time_out) {
  const Thread other("other", [this] { loop.wake(); });
  EXPECT_TRUE(loop.wait(std::nullopt).empty());
}

}  // namespace
}  // namespace tombo::net
