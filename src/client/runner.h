#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "client/callbacks.h"
#include "client/inbox.h"
#include "client/loop.h"
#include "client/outbox.h"
#include "client/responses.h"
#include "client/wake.h"
#include "tombo/client.h"

namespace tombo::client {

/// The thread of a Client: it owns the machine and the way to the broker, and does what other
/// threads post to it.
class Client::Runner final : private Handler {
 public:
  using Work = std::function<void()>;

  explicit Runner(Settings settings);
  ~Runner() override;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // For any thread.

  /// Nothing is done any more once the thread is to end: promises are kept by end().
  void post(Work work);
  Answer<Published> publish(Message message);

  /// Ends an attempt to open a connection, and those that follow until connect().
  void cancel() { cancel_.set(); }

  [[nodiscard]] bool is_connected() const { return is_connected_; }

  Callbacks& callbacks() { return callbacks_; }

  Inbox& inbox() { return inbox_; }

  Outbox& outbox() { return outbox_; }

  // For the client's thread.

  void connect(const Promise<Connected>& promise);
  void subscribe(const std::vector<Subscription>& subscriptions, const Properties& properties,
                 const Promise<Reasons>& promise);
  void unsubscribe(const std::vector<std::string>& filters, const Properties& properties,
                   const Promise<Reasons>& promise);
  void request(Message message, std::chrono::milliseconds most,
               const Promise<IncomingMessage>& promise);
  void acknowledge(uint16_t packet_id, Qos qos);
  void authenticate(uint8_t reason, const Properties& properties);

  struct Leaving {
    Time until{};
    uint8_t reason = 0;
    Properties properties{};
    Promise<bool> promise{};
  };

  void leave(Leaving leaving);

 private:
  void run() noexcept;
  void do_work();
  void turn();
  void try_to_open();
  void wait_for_attempt();
  void on_closed(const Error& why);
  void give_up(const Error& why);
  void schedule();
  void leave_if_done();
  [[nodiscard]] std::chrono::milliseconds patience() const;

  [[nodiscard]] bool is_own_thread() const {
    return std::this_thread::get_id() == thread_.get_id();
  }

  void on_connected(const Connected& connected) override;
  void on_message(const Received& received) override;
  void on_published(const Published& published) override;
  void on_subscribed(Request request, std::span<const uint8_t> reasons,
                     const Properties& /*properties*/) override;
  void on_unsubscribed(Request request, std::span<const uint8_t> reasons,
                       const Properties& /*properties*/) override;
  void on_auth(uint8_t reason, const Properties& properties) override;
  void on_disconnected(const Error& why) override;

  const Settings settings_;
  Wake wake_;
  Wake cancel_;
  Callbacks callbacks_;
  Inbox inbox_;
  Outbox outbox_;
  std::atomic<bool> is_connected_ = false;
  Error file_error_;  // Of the queue file: nothing is taken.

  std::mutex mutex_;
  std::vector<Work> work_;
  bool stops_ = false;

  // Of the client's thread.
  Machine machine_;
  Loop loop_;
  Responses responses_;
  bool has_response_topic_ = false;  // It is subscribed to.
  bool wants_connection_ = false;
  bool was_connected_ = false;  // This connection has been.
  bool tells_first_ = false;    // The user waits for the first attempt.
  Time next_attempt_{};
  std::chrono::milliseconds delay_{0};
  Error ended_by_;
  std::optional<Leaving> leaving_;
  std::vector<Promise<Connected>> connects_;
  std::unordered_map<Request, Promise<Reasons>> asked_;

  std::thread thread_;  // The last: it uses all the others.
};

}  // namespace tombo::client
