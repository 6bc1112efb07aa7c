#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace tombo {

/// What threads share that try something again and again until it works, such as writing to a disk
/// that is full: whether they may wait at all, and how many do.
/// ```
/// Patience::Wait wait(patience);
/// while (!try_it()) if (!wait.again(kInterval)) return give_up();
/// ```
class Patience {
 public:
  Patience() = default;
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;
  ~Patience() = default;

  /// One thread's wait; it counts as waiting from its first again() on.
  class Wait {
   public:
    explicit Wait(Patience& patience) : patience_(patience) {}

    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    ~Wait() {
      const std::lock_guard lock(patience_.mutex_);
      if (counted_) --patience_.waiting_;
    }

    /// Lets some time pass. False: there is no patience (any more).
    [[nodiscard]] bool again(std::chrono::milliseconds time) {
      std::unique_lock lock(patience_.mutex_);
      if (!counted_) ++patience_.waiting_;
      counted_ = true;
      return !patience_.changed_.wait_for(lock, time, [this] { return !patience_.allowed_; });
    }

   private:
    Patience& patience_;
    bool counted_ = false;
  };

  /// At first nobody may wait.
  void allow(bool allowed) {
    {
      const std::lock_guard lock(mutex_);
      allowed_ = allowed;
    }
    changed_.notify_all();
  }

  [[nodiscard]] size_t waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool allowed_ = false;
  size_t waiting_ = 0;
};

}  // namespace tombo
