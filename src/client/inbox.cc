#include "client/inbox.h"

#include <utility>

namespace tombo::client {

Inbox::Inbox(size_t most, std::function<void()> wake) : most_(most), wake_(std::move(wake)) {}

void Inbox::add(IncomingMessage message) {
  std::unique_lock lock(mutex_);
  if (receivers_.empty()) {
    messages_.push_back(std::move(message));
    return;
  }
  const Promise<IncomingMessage> receiver = std::move(receivers_.front());
  receivers_.pop_front();
  lock.unlock();
  receiver.give({.value = std::move(message)});
}

Answer<IncomingMessage> Inbox::take() {
  const Promise<IncomingMessage> promise;
  std::unique_lock lock(mutex_);
  if (messages_.empty()) {
    receivers_.push_back(promise);
    return promise.answer();
  }
  const bool was_full = messages_.size() >= most_;
  promise.give({.value = std::move(messages_.front())});
  messages_.pop_front();
  lock.unlock();
  if (was_full) wake_();
  return promise.answer();
}

bool Inbox::is_full() const {
  const std::lock_guard lock(mutex_);
  return messages_.size() >= most_;
}

void Inbox::give_up(const Error& why) {
  std::unique_lock lock(mutex_);
  const auto receivers = std::exchange(receivers_, {});
  lock.unlock();
  for (const auto& receiver : receivers) receiver.fail(why);
}

}  // namespace tombo::client
