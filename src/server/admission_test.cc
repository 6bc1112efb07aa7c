#include "server/admission.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/sync/thread.h"

namespace tombo::server {
namespace {

config::Config config_with(int64_t connections, int64_t sessions, int64_t at_listener) {
  config::Config config;
  config.global_max_connections = connections;
  config.global_max_clients = sessions;
  config.listeners.emplace_back().max_connections = at_listener;
  config.listeners.emplace_back();
  return config;
}

TEST(Admission, lets_in_as_many_as_there_are_places) {
  Admission admission(config_with(2, 1, 1));
  EXPECT_TRUE(admission.enter_connection());
  EXPECT_TRUE(admission.enter_connection());
  EXPECT_FALSE(admission.enter_connection());
  admission.leave_connection();
  EXPECT_TRUE(admission.enter_connection());

  EXPECT_TRUE(admission.enter_session());
  EXPECT_FALSE(admission.enter_session());

  EXPECT_TRUE(admission.listener(0).enter());
  EXPECT_FALSE(admission.listener(0).enter());
  EXPECT_EQ(admission.listener(0).taken(), 1);
}

TEST(Admission, minus_one_is_no_limit) {
  Admission admission(config_with(-1, -1, 0));
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(admission.enter_connection());
    EXPECT_TRUE(admission.listener(0).enter());
    EXPECT_TRUE(admission.listener(1).enter());
  }
}

TEST(Admission, a_lower_limit_waits_until_enough_have_left) {
  Admission admission(config_with(-1, -1, -1));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(admission.enter_connection());
  admission.set_limits(config_with(2, -1, -1));
  EXPECT_FALSE(admission.enter_connection());
  admission.leave_connection();
  EXPECT_FALSE(admission.enter_connection());
  admission.leave_connection();
  EXPECT_TRUE(admission.enter_connection());
}

TEST(Admission, threads_give_back_every_place_they_took) {
  constexpr int kRounds = 20'000;
  Places places;
  places.set_limit(1);
  std::vector<int> entered(4);
  {
    std::vector<Thread> threads;
    threads.reserve(entered.size());
    for (int& mine : entered) {
      threads.emplace_back("enter", [&places, &mine] {
        for (int i = 0; i < kRounds; ++i) {
          if (!places.enter()) continue;
          ++mine;
          EXPECT_GE(places.taken(), 1);
          places.leave();
        }
      });
    }
  }
  EXPECT_GT(entered[0] + entered[1] + entered[2] + entered[3], 0);
  EXPECT_EQ(places.taken(), 0);
}

}  // namespace
}  // namespace tombo::server
