#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace tombo {

/// Work for a pool of threads, first come, first served: many producers, many consumers.
/// Producers never wait: at its bounds the queue refuses. Consumers sleep while it is empty.
/// Bound: `items_max` items that weigh `weight_max` in all.
///   if (!queue.try_push(std::move(job), bytes)) refuse();
///   while (std::optional<Job> job = queue.pop()) carry_out(*job);
template <class T>
class WorkQueue {
 public:
  WorkQueue(size_t items_max, size_t weight_max) : items_max_(items_max), weight_max_(weight_max) {}

  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;
  ~WorkQueue() = default;

  /// False: full, or closed.
  [[nodiscard]] bool try_push(T item, size_t weight) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || items_.size() >= items_max_ || weight > weight_max_ - weight_) return false;
      weight_ += weight;
      items_.emplace_back(std::move(item), weight);
    }
    changed_.notify_one();
    return true;
  }

  /// Waits for the next item; nullopt: closed.
  [[nodiscard]] std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !items_.empty(); });
    if (closed_) return std::nullopt;
    return take();
  }

  /// Waits for close(), at most so long. False: it has not come.
  [[nodiscard]] bool wait_closed(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [this] { return closed_; });
  }

  /// The next item; nullopt: there is none now, or it is closed.
  [[nodiscard]] std::optional<T> try_pop() {
    const std::lock_guard lock(mutex_);
    if (closed_ || items_.empty()) return std::nullopt;
    return take();
  }

  [[nodiscard]] bool is_closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  /// Drops what is left; from now on everybody is sent away.
  void close() {
    std::deque<std::pair<T, size_t>> dropped;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      weight_ = 0;
      dropped.swap(items_);
    }
    changed_.notify_all();
  }

 private:
  /// Requires: the lock, and an item.
  std::optional<T> take() {
    std::optional<T> item(std::move(items_.front().first));
    weight_ -= items_.front().second;
    items_.pop_front();
    return item;
  }

  const size_t items_max_;
  const size_t weight_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<T, size_t>> items_;  // With their weights.
  size_t weight_ = 0;
  bool closed_ = false;
};

}  // namespace tombo
