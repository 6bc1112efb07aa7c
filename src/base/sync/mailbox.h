#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"

namespace tombo {

/// Mails that travel together: one allocation to link, one atomic operation to push.
template <class T>
struct MailBatch {
  /// What an Outbox gathers before its owner should push; a batch may be larger.
  static constexpr size_t kSize = 64;

  std::vector<T> items;
  MailBatch* next = nullptr;  // Mailbox's own.
  size_t taken = 0;           // Mailbox's own: items already handed out.
};

/// What a shard has for one destination in this turn.  Home: the sending thread.
/// Pushes nothing by itself: the owner takes and pushes when the turn ends, or earlier when full().
template <class T>
class Outbox {
 public:
  using Batch = MailBatch<T>;

  void add(T mail) {
    if (batch_ == nullptr) {
      batch_ = std::make_unique<Batch>();
      batch_->items.reserve(8);
    }
    batch_->items.push_back(std::move(mail));
  }

  /// All that was added since the last take(), in order; null when that is nothing.
  [[nodiscard]] std::unique_ptr<Batch> take() { return std::move(batch_); }

  [[nodiscard]] size_t size() const { return batch_ == nullptr ? 0 : batch_->items.size(); }

  [[nodiscard]] bool empty() const { return batch_ == nullptr; }

  [[nodiscard]] bool full() const { return size() >= Batch::kSize; }

 private:
  std::unique_ptr<Batch> batch_;
};

/// Mail for one shard: many producers, one consumer.  Mail of one producer keeps its order.
/// Bound: none of its own; senders are bounded by credits.
///
/// The consumer's loop, and a producer:
///   mailbox.drain(limit, [&](T&& mail) { on_mail(std::move(mail)); });
///   if (nothing_to_do && mailbox.try_sleep()) { wait_for_eventfd_or_sockets(); mailbox.awake(); }
///
///   if (mailbox.push(outbox.take())) write_to_eventfd();
///
/// No wake-up is lost.  Mail and sleep are one atomic word: it is null (awake, no mail), the
/// address of `sleeper_` (asleep, no mail) or the newest batch.  try_sleep() changes null to that
/// in one compare-exchange, push() anything to batch in another, and all changes of one word have
/// one order that all threads agree on.  A push before the change to sleeper makes try_sleep()
/// fail, so the consumer does not sleep.  A push after it finds the sleeper and replaces it: that
/// push alone returns true, and its producer then writes to the eventfd, which the consumer waits
/// for or will wait for (an eventfd remembers).  No second variable is involved, so nothing needs
/// sequential consistency: release in push() and acquire in drain() hand over the contents.
/// `Atomic` is another type only in mailbox_model_test.cc, which runs this code in every order.
template <class T, template <class> class Atomic = std::atomic>
class Mailbox {
 public:
  using Batch = MailBatch<T>;

  Mailbox() = default;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  ~Mailbox() {
    Batch* newest = head_.load(std::memory_order_acquire);
    if (newest != &sleeper_) free_list(newest);
    free_list(ready_);
  }

  /// From any thread.  True when the consumer sleeps and this producer must wake it; for each sleep
  /// exactly one push returns true.  Null or without items: does nothing.
  [[nodiscard]] bool push(std::unique_ptr<Batch> batch) {
    if (batch == nullptr || batch->items.empty()) return false;
    Batch* added = batch.release();
    Batch* newest = head_.load(std::memory_order_relaxed);
    do {
      added->next = newest == &sleeper_ ? nullptr : newest;
    } while (!head_.compare_exchange_weak(newest, added, std::memory_order_release,
                                          std::memory_order_relaxed));
    return newest == &sleeper_;
  }

  /// Consumer: calls f(T&&) for at most `limit` mails and returns how many; the others stay for the
  /// next time, in front.  `f` may push here, but not drain.
  template <class F>
  size_t drain(size_t limit, F&& f) {
    size_t done = 0;
    while (done < limit && collect()) {
      Batch& batch = *ready_;
      const size_t end = std::min(batch.items.size(), batch.taken + (limit - done));
      done += end - batch.taken;
      while (batch.taken < end) f(std::move(batch.items[batch.taken++]));
      if (batch.taken < batch.items.size()) break;
      ready_ = batch.next;
      delete_batch(&batch);
    }
    return done;
  }

  /// Consumer: announces that it is about to wait.  False, and it does not sleep, if there is mail.
  [[nodiscard]] bool try_sleep() {
    if (ready_ != nullptr) return false;
    Batch* none = nullptr;
    // Relaxed: the consumer publishes nothing, and what woke it up is acquired by drain().
    return head_.compare_exchange_strong(none, &sleeper_, std::memory_order_relaxed);
  }

  /// Consumer: it no longer waits, whatever woke it.  Harmless when it did not sleep.
  void awake() {
    Batch* asleep = &sleeper_;
    head_.compare_exchange_strong(asleep, nullptr, std::memory_order_relaxed);
  }

  /// Consumer: whether drain() would find something.
  [[nodiscard]] bool has_mail() const {
    if (ready_ != nullptr) return true;
    const Batch* newest = head_.load(std::memory_order_relaxed);
    return newest != nullptr && newest != &sleeper_;
  }

 private:
  /// Makes ready_ the oldest batch; false when there is none.
  bool collect() {
    if (ready_ != nullptr) return true;
    if (!has_mail()) return false;
    // Only the consumer takes batches out, so there still is one.
    Batch* newest = head_.exchange(nullptr, std::memory_order_acquire);
    while (newest != nullptr) {
      Batch* older = std::exchange(newest->next, ready_);
      ready_ = std::exchange(newest, older);
    }
    return true;
  }

  static void delete_batch(Batch* batch) { std::unique_ptr<Batch> end(batch); }

  static void free_list(Batch* first) {
    while (first != nullptr) delete_batch(std::exchange(first, first->next));
  }

  // Producers write this line, the consumer alone the next.
  alignas(64) Atomic<Batch*> head_{nullptr};
  alignas(64) Batch* ready_ = nullptr;  // Taken out of head_, oldest first.
  Batch sleeper_;                       // Only its address is used.
};

}  // namespace tombo
