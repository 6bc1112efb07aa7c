#pragma once

#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "tombo/error.h"

namespace tombo::client {

/// What came of something that was asked for: a value, or an error.
template <class T>
struct Outcome {
  Error error{};
  T value{};

  /// Did it come about?
  explicit operator bool() const { return !error; }
};

/// An answer that is to come. Wait for it with get(), hand it on with then() or future(), or
/// `co_await` it, which gives the Outcome. Copies are the same answer; any thread may use them.
///
/// A coroutine goes on in the client's thread, and get() must not be called there: it would wait
/// for itself.
///
/// With g++ 12 and 13 do not write braces within a `co_await` expression: they compile such calls
/// wrongly. Hence publish(topic, payload, qos) and subscribe(filter, qos).
template <class T>
class Answer {
 public:
  using Callback = std::function<void(const Outcome<T>&)>;

  [[nodiscard]] bool is_ready() const {
    const std::lock_guard lock(state_->mutex);
    return state_->outcome.has_value();
  }

  /// Waits until it is there.
  [[nodiscard]] Outcome<T> get() const {
    std::unique_lock lock(state_->mutex);
    state_->comes.wait(lock, [this] { return state_->outcome.has_value(); });
    return *state_->outcome;
  }

  void wait() const { static_cast<void>(get()); }

  /// False: it took longer.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds most) const {
    std::unique_lock lock(state_->mutex);
    return state_->comes.wait_for(lock, most, [this] { return state_->outcome.has_value(); });
  }

  /// Calls it once, in the client's thread; at once if the answer is there.
  void then(Callback callback) const {
    std::unique_lock lock(state_->mutex);
    if (!state_->outcome) {
      state_->callbacks.push_back(std::move(callback));
      return;
    }
    lock.unlock();
    callback(*state_->outcome);
  }

  [[nodiscard]] std::future<Outcome<T>> future() const {
    auto promise = std::make_shared<std::promise<Outcome<T>>>();
    then([promise](const Outcome<T>& outcome) { promise->set_value(outcome); });
    return promise->get_future();
  }

  // For co_await.

  [[nodiscard]] bool await_ready() const { return is_ready(); }

  void await_suspend(std::coroutine_handle<> waiting) const {
    then([waiting](const Outcome<T>& /*outcome*/) { waiting.resume(); });
  }

  [[nodiscard]] Outcome<T> await_resume() const { return get(); }

 private:
  template <class>
  friend class Promise;

  struct State {
    std::mutex mutex;
    std::condition_variable comes;
    std::optional<Outcome<T>> outcome;
    std::vector<Callback> callbacks;
  };

  Answer() : state_(std::make_shared<State>()) {}

  std::shared_ptr<State> state_;
};

/// The other end of an Answer: who gives it. Given once.
template <class T>
class Promise {
 public:
  [[nodiscard]] const Answer<T>& answer() const { return answer_; }

  void give(Outcome<T> outcome) const {
    auto state = answer_.state_;  // A callback may end who holds this.
    std::unique_lock lock(state->mutex);
    if (state->outcome) return;
    state->outcome = std::move(outcome);
    const auto callbacks = std::exchange(state->callbacks, {});
    state->comes.notify_all();
    lock.unlock();
    for (const auto& callback : callbacks) callback(*state->outcome);
  }

  void fail(Error error) const { give({.error = std::move(error)}); }

 private:
  Answer<T> answer_;
};

/// A coroutine that starts at once and that nobody has to wait for:
/// ```
/// Task talk(Client& client) { const auto sent = co_await client.publish("topic", "text"); ... }
/// talk(client).wait();
/// ```
/// It must not throw.
class Task {
 public:
  // Names that C++ gives.
  // NOLINTBEGIN(readability-identifier-naming)
  struct promise_type {
    Promise<bool> done;

    Task get_return_object() { return Task(done.answer()); }

    static std::suspend_never initial_suspend() noexcept { return {}; }

    static std::suspend_never final_suspend() noexcept { return {}; }

    void return_void() const { done.give({.value = true}); }

    [[noreturn]] static void unhandled_exception() noexcept { std::terminate(); }
  };

  // NOLINTEND(readability-identifier-naming)

  /// Until the coroutine has ended. Not in the client's thread.
  void wait() const { static_cast<void>(done_.get()); }

 private:
  explicit Task(Answer<bool> done) : done_(std::move(done)) {}

  Answer<bool> done_;
};

}  // namespace tombo::client
