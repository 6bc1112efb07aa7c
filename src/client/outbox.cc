#include "client/outbox.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tombo::client {
namespace {

/// What a message takes beside its texts.
constexpr size_t kEntryBytes = 200;

size_t size_of(const Message& message) {
  return kEntryBytes + message.topic.size() + message.payload.size();
}

Answer<Published> failed(Error why) {
  Promise<Published> promise;
  promise.fail(std::move(why));
  return promise.answer();
}

Error ended() {
  return {.kind = ErrorKind::ended, .text = "the client has ended"};
}

}  // namespace

Outbox::Outbox(Limits limits, std::function<void()> wake)
    : limits_(limits), wake_(std::move(wake)) {}

Error Outbox::open(const std::string& path, bool synced) {
  if (Error wrong = file_.open(path, synced)) return wrong;
  std::vector<QueueFile::Row> rows;
  if (Error wrong = file_.read(rows)) return wrong;
  has_file_ = true;
  const std::lock_guard lock(mutex_);
  for (QueueFile::Row& row : rows) {
    const size_t bytes = size_of(row.message);
    waiting_.push_back({.message = std::move(row.message), .bytes = bytes, .row = row.number});
    ++count_;
    bytes_ += bytes;
  }
  return {};
}

Answer<Published> Outbox::add(Message message, bool may_wait) {
  std::unique_lock lock(mutex_);
  if (!may_wait && is_full()) {
    return failed({.kind = ErrorKind::queue_full, .text = "too many messages wait"});
  }
  room_.wait(lock, [this] { return ended_ || !is_full(); });
  if (ended_) return failed(ended());
  Entry entry{.message = std::move(message)};
  entry.bytes = size_of(entry.message);
  if (has_file_ && entry.message.qos != Qos::at_most_once) {
    if (Error wrong = file_.add(entry.message, entry.row)) return failed(std::move(wrong));
  }
  Answer<Published> answer = entry.promise.answer();
  ++count_;
  bytes_ += entry.bytes;
  waiting_.push_back(std::move(entry));
  lock.unlock();
  wake_();
  return answer;
}

void Outbox::take_waiting() {
  const std::lock_guard lock(mutex_);
  if (ready_.empty()) {
    ready_.swap(waiting_);
  } else {
    std::ranges::move(waiting_, std::back_inserter(ready_));
    waiting_.clear();
  }
}

void Outbox::give(Machine& machine, size_t output_max) {
  take_waiting();
  while (!ready_.empty() && machine.is_connected() && machine.output().size() < output_max) {
    const bool at_once = ready_.front().message.qos == Qos::at_most_once;
    if (!at_once && machine.room() == 0) return;
    Entry entry = std::move(ready_.front());
    ready_.pop_front();
    Request request = 0;
    Error wrong = machine.publish(entry.message, request);
    if (!wrong && !at_once) {
      entry.message = {};
      given_.emplace(request, std::move(entry));
      continue;
    }
    release(entry);
    entry.promise.give({.error = std::move(wrong), .value = {.request = request}});
  }
}

void Outbox::finish(const Published& published) {
  const auto found = given_.find(published.request);
  if (found == given_.end()) return;
  const Entry entry = std::move(found->second);
  given_.erase(found);
  release(entry);
  entry.promise.give({.value = published});
}

void Outbox::release(const Entry& entry) {
  if (entry.row != 0) finished_rows_.push_back(entry.row);
  const std::lock_guard lock(mutex_);
  --count_;
  bytes_ -= entry.bytes;
  room_.notify_one();
}

void Outbox::forget_finished() {
  if (finished_rows_.empty()) return;
  // What cannot be removed now is tried again the next time.
  if (!file_.remove(finished_rows_)) finished_rows_.clear();
}

void Outbox::give_up(const Error& why) {
  take_waiting();
  std::deque<Entry> kept;
  for (Entry& entry : std::exchange(ready_, {})) {
    entry.promise.fail(why);
    if (entry.message.qos == Qos::at_most_once) {
      release(entry);
    } else {
      kept.push_back(std::move(entry));
    }
  }
  ready_ = std::move(kept);
  for (const auto& [request, entry] : given_) entry.promise.fail(why);
}

void Outbox::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  room_.notify_all();
}

size_t Outbox::unfinished() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace tombo::client
