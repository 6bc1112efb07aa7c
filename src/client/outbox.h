#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/queue_file.h"
#include "tombo/answer.h"
#include "tombo/machine.h"

namespace tombo::client {

/// Messages from publish() until they are done with: those that wait, in memory and perhaps in a
/// file, and those that the machine has. add(), end() and unfinished() are for any thread, the rest
/// for the client's.
class Outbox {
 public:
  struct Limits {
    size_t messages = 0;
    size_t bytes = 0;
  };

  /// `wake` is called when there is something new.
  Outbox(Limits limits, std::function<void()> wake);

  /// Takes over what the file holds.
  [[nodiscard]] Error open(const std::string& path, bool synced);

  /// Over the limits it waits, unless it must not: then it fails.
  Answer<Published> add(Message message, bool may_wait);

  /// Gives the machine as many as it sends at once; `output_max` bounds bytes of its output.
  void give(Machine& machine, size_t output_max);

  /// The machine is done with one.
  void finish(const Published& published);

  /// Removes from the file what is done with.
  void forget_finished();

  /// Nobody is going to connect: answers fail. QoS 1 and 2 messages stay for the next connection.
  void give_up(const Error& why);

  /// No more are taken, nobody waits any longer.
  void end();

  [[nodiscard]] size_t unfinished() const;

 private:
  struct Entry {
    Message message{};
    Promise<Published> promise{};
    size_t bytes = 0;
    int64_t row = 0;  ///< 0: not in the file
  };

  [[nodiscard]] bool is_full() const {
    return count_ >= limits_.messages || bytes_ >= limits_.bytes;
  }

  void take_waiting();
  void release(const Entry& entry);

  const Limits limits_;
  const std::function<void()> wake_;

  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::deque<Entry> waiting_;
  size_t count_ = 0;
  size_t bytes_ = 0;
  bool ended_ = false;

  QueueFile file_;
  bool has_file_ = false;

  // Of the client's thread.
  std::deque<Entry> ready_;
  std::unordered_map<Request, Entry> given_;
  std::vector<int64_t> finished_rows_;
};

}  // namespace tombo::client
