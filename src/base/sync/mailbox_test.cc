#include "base/sync/mailbox.h"

#include <array>
#include <chrono>
#include <memory>
#include <semaphore>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "base/sync/thread.h"

namespace tombo {
namespace {

std::unique_ptr<MailBatch<int>> batch_of(std::vector<int> mails) {
  Outbox<int> outbox;
  for (const int mail : mails) outbox.add(mail);
  return outbox.take();
}

class MailboxTest : public testing::Test {
 protected:
  std::vector<int> drain(size_t limit = 1000) {
    std::vector<int> mails;
    const size_t drained = mailbox.drain(limit, [&](int&& mail) { mails.push_back(mail); });
    EXPECT_EQ(drained, mails.size());
    return mails;
  }

  Mailbox<int> mailbox;
};

using Mails = std::vector<int>;

TEST(Outbox, gathers_until_it_is_taken) {
  Outbox<int> outbox;
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.take(), nullptr);
  for (int i = 0; i < 64; ++i) {
    EXPECT_FALSE(outbox.full());
    outbox.add(i);
  }
  EXPECT_TRUE(outbox.full());
  EXPECT_EQ(outbox.size(), 64u);
  EXPECT_EQ(outbox.take()->items.size(), 64u);
  EXPECT_EQ(outbox.size(), 0u);
}

TEST_F(MailboxTest, hands_out_mail_in_the_order_of_pushing) {
  EXPECT_FALSE(mailbox.push(batch_of({1, 2})));
  EXPECT_FALSE(mailbox.push(batch_of({3})));
  EXPECT_TRUE(mailbox.has_mail());
  EXPECT_EQ(drain(), (Mails{1, 2, 3}));
  EXPECT_FALSE(mailbox.has_mail());
  EXPECT_EQ(drain(), Mails{});
}

TEST_F(MailboxTest, keeps_what_is_over_the_limit_in_front) {
  EXPECT_FALSE(mailbox.push(batch_of({1, 2, 3})));
  EXPECT_FALSE(mailbox.push(batch_of({4})));
  EXPECT_EQ(drain(2), (Mails{1, 2}));
  EXPECT_FALSE(mailbox.push(batch_of({5})));
  EXPECT_TRUE(mailbox.has_mail());
  EXPECT_EQ(drain(2), (Mails{3, 4}));
  EXPECT_EQ(drain(2), Mails{5});
}

TEST_F(MailboxTest, ignores_empty_batches) {
  EXPECT_FALSE(mailbox.push(nullptr));
  EXPECT_FALSE(mailbox.push(std::make_unique<MailBatch<int>>()));
  EXPECT_FALSE(mailbox.has_mail());
}

TEST_F(MailboxTest, takes_mail_that_is_pushed_while_it_is_drained) {
  EXPECT_FALSE(mailbox.push(batch_of({1})));
  Mails seen;
  mailbox.drain(3, [&](int&& mail) {
    seen.push_back(mail);
    EXPECT_FALSE(mailbox.push(batch_of({mail + 1})));
  });
  EXPECT_EQ(seen, (Mails{1, 2, 3}));
  EXPECT_EQ(drain(1), Mails{4});
}

TEST_F(MailboxTest, asks_only_the_first_producer_to_wake_the_sleeper) {
  EXPECT_TRUE(mailbox.try_sleep());
  EXPECT_FALSE(mailbox.has_mail());
  EXPECT_TRUE(mailbox.push(batch_of({1})));
  EXPECT_FALSE(mailbox.push(batch_of({2})));
  mailbox.awake();
  EXPECT_EQ(drain(), (Mails{1, 2}));
}

TEST_F(MailboxTest, does_not_sleep_while_there_is_mail) {
  EXPECT_FALSE(mailbox.push(batch_of({1, 2})));
  EXPECT_FALSE(mailbox.try_sleep());
  EXPECT_EQ(drain(1), Mails{1});
  EXPECT_FALSE(mailbox.try_sleep());
  EXPECT_EQ(drain(1), Mails{2});
  EXPECT_TRUE(mailbox.try_sleep());
}

TEST_F(MailboxTest, needs_no_waking_after_it_woke_for_another_reason) {
  EXPECT_TRUE(mailbox.try_sleep());
  mailbox.awake();
  EXPECT_FALSE(mailbox.push(batch_of({1})));
  mailbox.awake();
  EXPECT_EQ(drain(), Mails{1});
}

TEST(Mailbox, carries_what_only_moves_and_frees_what_is_left) {
  Mailbox<std::unique_ptr<int>> mailbox;
  for (int i = 0; i < 3; ++i) {
    Outbox<std::unique_ptr<int>> outbox;
    outbox.add(std::make_unique<int>(i));
    outbox.add(std::make_unique<int>(i));
    EXPECT_FALSE(mailbox.push(outbox.take()));
  }
  int sum = 0;
  mailbox.drain(3, [&](std::unique_ptr<int>&& mail) { sum += *mail; });
  EXPECT_EQ(sum, 1);
}

struct Numbered {
  unsigned producer;
  int number;
};

constexpr unsigned kProducers = 3;
constexpr int kMailsEach = 20000;

void produce(Mailbox<Numbered>& mailbox, std::counting_semaphore<>& wake, unsigned producer) {
  Random random(producer);
  Outbox<Numbered> outbox;
  for (int number = 0; number < kMailsEach; ++number) {
    outbox.add({producer, number});
    if (!random.one_in(4) && !outbox.full() && number + 1 < kMailsEach) continue;
    if (mailbox.push(outbox.take())) wake.release();
  }
}

// A semaphore stands for the eventfd.  If a wake-up were lost the consumer would wait for ever; if
// two producers woke it for one sleep the semaphore would be left with a count.
TEST(MailboxRace, loses_no_mail_and_no_wake_up) {
  Mailbox<Numbered> mailbox;
  std::counting_semaphore<> wake(0);
  std::array<int, kProducers> next{};
  std::vector<Thread> producers;
  for (unsigned i = 0; i < kProducers; ++i) {
    producers.emplace_back("producer", [&, i] { produce(mailbox, wake, i); });
  }
  size_t received = 0;
  while (received < size_t{kProducers} * kMailsEach) {
    received += mailbox.drain(
        100, [&](Numbered&& mail) { ASSERT_EQ(mail.number, next.at(mail.producer)++); });
    if (received == size_t{kProducers} * kMailsEach || !mailbox.try_sleep()) continue;
    ASSERT_TRUE(wake.try_acquire_for(std::chrono::seconds(60))) << "lost wake-up";
    mailbox.awake();
  }
  producers.clear();
  EXPECT_FALSE(wake.try_acquire());
  EXPECT_FALSE(mailbox.has_mail());
}

}  // namespace
}  // namespace tombo
