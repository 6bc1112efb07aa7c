#include "base/sync/failure_gate.h"

#include <atomic>

#include <gtest/gtest.h>

#include "base/sync/thread.h"

namespace tombo {
namespace {

TEST(FailureGate, lets_nobody_in_after_it_was_closed) {
  FailureGate gate;
  EXPECT_TRUE(gate.enter());
  gate.leave();
  EXPECT_TRUE(gate.enter());
  gate.leave();
  gate.close(std::chrono::hours(1));
  EXPECT_FALSE(gate.enter());
}

TEST(FailureGate, closes_when_who_was_inside_has_left) {
  FailureGate gate;
  std::atomic<bool> has_left = false;
  ASSERT_TRUE(gate.enter());
  Thread closing("closing", [&] {
    gate.close(std::chrono::hours(1));
    EXPECT_TRUE(has_left);
  });
  has_left = true;
  gate.leave();
}

TEST(FailureGate, does_not_wait_for_ever) {
  FailureGate gate;
  ASSERT_TRUE(gate.enter());
  Thread("closing", [&] { gate.close(std::chrono::milliseconds(1)); }).join();
  gate.leave();
  EXPECT_FALSE(gate.enter());
}

TEST(FailureGate, does_not_wait_for_itself) {
  FailureGate gate;
  ASSERT_TRUE(gate.enter());
  gate.close(std::chrono::hours(1));
  gate.leave();
  EXPECT_FALSE(gate.enter());
}

}  // namespace
}  // namespace tombo
