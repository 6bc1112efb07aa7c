// The mailbox's own code, run in every order that its atomic operations can have between a consumer
// and its producers. Between two of them a thread touches only what is its own, so no other order
// exists. Memory order is not modelled: ThreadSanitizer looks at that (mailbox_test.cc).

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ucontext.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/sync/mailbox.h"

namespace tombo {
namespace {

/// Runs threads of control by turns on one real thread, and all orders of their steps one after the
/// other. A thread ends its step by calling step() or wait_for().
class Explorer {
 public:
  using Body = std::function<void()>;

  /// Runs `world` once for each order: it gives the bodies, which start anew. Calls `check` after
  /// each. Stops at the first order in which not all bodies come to their end. Returns false then.
  bool explore(const std::function<std::vector<Body>()>& world,
               const std::function<void()>& check) {
    choices_.clear();
    do {
      if (!run(world())) return false;
      check();
      ++orders_;
    } while (next_order() && !testing::Test::HasFailure());
    return true;
  }

  [[nodiscard]] size_t orders() const { return orders_; }

  /// Outside of an order (the mailbox is freed) it is no step.
  static void step() {
    if (in_order != nullptr) in_order->wait_for([] { return true; });
  }

  /// The running thread goes on when `ready` holds and it is chosen.
  void wait_for(std::function<bool()> ready) {
    const size_t self = running_;
    fibers_[self].ready = std::move(ready);
    switch_from(self);
  }

  static Explorer& current() { return *in_order; }

 private:
  struct Fiber {
    ucontext_t context{};
    std::unique_ptr<std::array<char, size_t{64} * 1024>> stack;
    Body body;
    std::function<bool()> ready;
    bool done = false;
  };

  struct Choice {
    size_t taken = 0;
    size_t count = 0;
  };

  bool run(std::vector<Body> bodies) {
    in_order = this;
    at_ = 0;
    fibers_.resize(bodies.size());
    for (size_t i = 0; i < bodies.size(); ++i) {
      Fiber& fiber = fibers_[i];
      fiber.body = std::move(bodies[i]);
      fiber.ready = [] { return true; };
      fiber.done = false;
      if (!fiber.stack) fiber.stack = std::make_unique<std::array<char, size_t{64} * 1024>>();
      prepare(fiber);
    }
    const size_t first = choose();
    running_ = first;
    swapcontext(&home_, &fibers_[first].context);
    in_order = nullptr;
    for (const Fiber& fiber : fibers_) {
      if (!fiber.done) return false;
    }
    return true;
  }

  /// By itself: getcontext() returns twice, and locals of its function would be in doubt.
  [[gnu::noinline]] static void prepare(Fiber& fiber) {
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack->data();
    fiber.context.uc_stack.ss_size = fiber.stack->size();
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, &Explorer::enter, 0);
  }

  static void enter() {
    Explorer& self = *in_order;
    Fiber& fiber = self.fibers_[self.running_];
    fiber.body();
    fiber.done = true;
    self.switch_from(self.running_);
  }

  void switch_from(size_t from) {
    const size_t to = choose();
    if (to == from) return;
    running_ = to;
    swapcontext(&fibers_[from].context, to == kNobody ? &home_ : &fibers_[to].context);
  }

  /// The thread whose turn is next in this order; kNobody: none can go on.
  size_t choose() {
    std::array<size_t, 8> able{};
    size_t count = 0;
    for (size_t i = 0; i < fibers_.size(); ++i) {
      if (!fibers_[i].done && fibers_[i].ready()) able.at(count++) = i;
    }
    if (count == 0) return kNobody;
    if (at_ == choices_.size()) choices_.push_back({0, count});
    return able.at(choices_[at_++].taken);
  }

  bool next_order() {
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().count) {
      choices_.pop_back();
    }
    if (choices_.empty()) return false;
    ++choices_.back().taken;
    return true;
  }

  static constexpr size_t kNobody = SIZE_MAX;
  static inline Explorer* in_order = nullptr;
  std::vector<Fiber> fibers_;
  ucontext_t home_{};
  size_t running_ = kNobody;
  std::vector<Choice> choices_;
  size_t at_ = 0;
  size_t orders_ = 0;
};

/// An atomic variable each of whose operations is a step.
template <class T>
class SteppedAtomic {
 public:
  explicit SteppedAtomic(T value) : value_(value) {}

  [[nodiscard]] T load(std::memory_order /*order*/) const {
    Explorer::step();
    return value_;
  }

  T exchange(T value, std::memory_order /*order*/) {
    Explorer::step();
    return std::exchange(value_, value);
  }

  bool compare_exchange_strong(T& expected, T value, std::memory_order /*order*/) {
    Explorer::step();
    if (value_ == expected) {
      value_ = value;
      return true;
    }
    expected = value_;
    return false;
  }

  bool compare_exchange_weak(T& expected, T value, std::memory_order order,
                             std::memory_order /*failure*/) {
    return compare_exchange_strong(expected, value, order);
  }

 private:
  T value_;
};

struct Mark {
  unsigned producer = 0;
  unsigned number = 0;
};

using ModelMailbox = Mailbox<Mark, SteppedAtomic>;

/// What is wrong with a producer or consumer, to see that it is found.
enum class Defect { none, looks_before_it_sleeps, forgets_to_wake };

/// One mailbox, its eventfd, and what went through.
struct World {
  ModelMailbox mailbox;
  unsigned eventfd = 0;
  unsigned sleeps = 0;
  unsigned wakes = 0;
  std::vector<Mark> received;

  void produce(unsigned producer, unsigned pushes, Defect defect) {
    for (unsigned number = 0; number < pushes; ++number) {
      auto batch = std::make_unique<MailBatch<Mark>>();
      batch->items.push_back({producer, number});
      if (!mailbox.push(std::move(batch)) || defect == Defect::forgets_to_wake) continue;
      ++wakes;
      Explorer::step();
      ++eventfd;
    }
  }

  void consume(unsigned total, size_t limit, Defect defect) {
    while (received.size() < total) {
      mailbox.drain(limit, [this](Mark&& mark) { received.push_back(mark); });
      if (received.size() == total) return;
      const bool sleeps_now =
          defect == Defect::looks_before_it_sleeps ? !mailbox.has_mail() : mailbox.try_sleep();
      if (!sleeps_now) continue;
      ++sleeps;
      Explorer::current().wait_for([this] { return eventfd > 0; });
      eventfd = 0;
      mailbox.awake();
    }
  }
};

struct Plan {
  std::vector<unsigned> pushes;  ///< of each producer
  size_t limit = 64;             ///< of drain()
  bool other_wake_up = false;    ///< the eventfd is written once without mail
  Defect defect = Defect::none;
};

/// True when in every order everything arrives, once and in order.
bool arrives_in_every_order(const Plan& plan) {
  unsigned total = 0;
  for (const unsigned pushes : plan.pushes) total += pushes;
  std::unique_ptr<World> world;
  Explorer explorer;
  const auto begin = [&] {
    world = std::make_unique<World>();
    std::vector<Explorer::Body> bodies;
    bodies.emplace_back([&, total] { world->consume(total, plan.limit, plan.defect); });
    for (unsigned producer = 0; producer < plan.pushes.size(); ++producer) {
      bodies.emplace_back(
          [&, producer] { world->produce(producer, plan.pushes[producer], plan.defect); });
    }
    if (plan.other_wake_up) bodies.emplace_back([&] { ++world->eventfd; });
    return bodies;
  };
  const auto check = [&] {
    std::vector<unsigned> next(plan.pushes.size(), 0);
    for (const Mark& mark : world->received) EXPECT_EQ(mark.number, next[mark.producer]++);
    EXPECT_EQ(next, plan.pushes);
    EXPECT_LE(world->wakes, world->sleeps) << "two pushes wake one sleep";
  };
  const bool all = explorer.explore(begin, check);
  testing::Test::RecordProperty("orders", std::to_string(explorer.orders()));
  return all;
}

class MailboxModel : public testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer does not follow contexts that are switched by hand";
#endif
  }
};

TEST_F(MailboxModel, wakes_for_every_push_of_one_producer) {
  EXPECT_TRUE(arrives_in_every_order({.pushes = {3}}));
}

TEST_F(MailboxModel, wakes_for_two_producers) {
  EXPECT_TRUE(arrives_in_every_order({.pushes = {1, 1}}));
}

TEST_F(MailboxModel, wakes_when_mail_is_taken_in_parts) {
  EXPECT_TRUE(arrives_in_every_order({.pushes = {3}, .limit = 1}));
}

TEST_F(MailboxModel, wakes_when_something_else_woke_it_before) {
  EXPECT_TRUE(arrives_in_every_order({.pushes = {2}, .other_wake_up = true}));
}

TEST_F(MailboxModel, finds_a_consumer_that_looks_and_then_sleeps) {
  EXPECT_FALSE(arrives_in_every_order({.pushes = {1}, .defect = Defect::looks_before_it_sleeps}));
}

TEST_F(MailboxModel, finds_a_producer_that_forgets_to_wake) {
  EXPECT_FALSE(arrives_in_every_order({.pushes = {1}, .defect = Defect::forgets_to_wake}));
}

}  // namespace
}  // namespace tombo
