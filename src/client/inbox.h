#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

#include "tombo/answer.h"
#include "tombo/client.h"

namespace tombo::client {

/// Messages that wait for Client::receive(), and calls of it that wait for messages. Any thread.
class Inbox {
 public:
  /// `wake` is called when there is room again after is_full().
  Inbox(size_t most, std::function<void()> wake);

  void add(IncomingMessage message);
  [[nodiscard]] Answer<IncomingMessage> take();
  [[nodiscard]] bool is_full() const;
  /// Those that wait for a message get none.
  void give_up(const Error& why);

 private:
  const size_t most_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::deque<IncomingMessage> messages_;
  std::deque<Promise<IncomingMessage>> receivers_;
};

}  // namespace tombo::client
