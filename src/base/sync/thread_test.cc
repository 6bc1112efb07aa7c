#include "base/sync/thread.h"

#include <atomic>
#include <memory>
#include <pthread.h>

#include <gtest/gtest.h>

namespace tombo {
namespace {

std::string own_name() {
  char name[32] = {};
  pthread_getname_np(pthread_self(), name, sizeof(name));
  return name;
}

TEST(Thread, runs_its_entry_under_its_name) {
  std::string seen;
  Thread thread("shard-7", [&] { seen = own_name(); });
  thread.join();
  EXPECT_EQ(seen, "shard-7");
}

TEST(Thread, shortens_a_long_name) {
  std::string seen;
  Thread("a-name-of-more-than-15-bytes", [&] { seen = own_name(); }).join();
  EXPECT_EQ(seen, "a-name-of-more-");
}

TEST(Thread, is_joined_by_its_destructor) {
  int done = 0;
  {
    const Thread thread("worker", [&] { done = 1; });
  }
  EXPECT_EQ(done, 1);
}

TEST(Thread, is_joined_when_another_takes_its_place) {
  int done = 0;
  Thread thread("first", [&] { done = 1; });
  thread = Thread();
  EXPECT_EQ(done, 1);
  EXPECT_FALSE(thread.joinable());
  thread.join();
}

TEST(Thread, takes_an_entry_that_only_moves) {
  int seen = 0;
  Thread("mover", [&, owned = std::make_unique<int>(3)] { seen = *owned; }).join();
  EXPECT_EQ(seen, 3);
}

}  // namespace
}  // namespace tombo
