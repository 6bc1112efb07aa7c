#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace tombo {

/// Keeps one thing from being begun after another one has failed, for two threads that share a
/// thing that breaks for good. The failure is told only after what was begun before has ended.
/// ```
/// if (gate.enter()) { use_it(); gate.leave(); }        // one thread
/// if (!change_it()) gate.close(std::chrono::seconds(1));  // another one
/// ```
class FailureGate {
 public:
  FailureGate() = default;
  FailureGate(const FailureGate&) = delete;
  FailureGate& operator=(const FailureGate&) = delete;
  ~FailureGate() = default;

  /// False: it is closed. Otherwise leave() follows. One thread at a time.
  [[nodiscard]] bool enter() {
    const std::lock_guard lock(mutex_);
    inside_ = !closed_;
    if (inside_) who_ = std::this_thread::get_id();
    return inside_;
  }

  void leave() {
    {
      const std::lock_guard lock(mutex_);
      inside_ = false;
    }
    left_.notify_all();
  }

  /// For ever. Waits until nobody else is inside, but no longer than `time`.
  void close(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    closed_ = true;
    left_.wait_for(lock, time, [this] { return !inside_ || who_ == std::this_thread::get_id(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable left_;
  bool inside_ = false;
  std::thread::id who_;
  bool closed_ = false;
};

}  // namespace tombo
