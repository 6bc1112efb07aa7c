#include "client/runner.h"

#include <algorithm>
#include <array>
#include <poll.h>
#include <utility>

namespace tombo::client {
namespace {

using std::chrono::milliseconds;

/// Bytes that wait to be written before no more messages are given to the machine.
constexpr size_t kOutputMost = size_t{256} << 10;
constexpr milliseconds kTurn{1000};

Error ended() {
  return {.kind = ErrorKind::ended, .text = "the client has ended"};
}

Error left() {
  return {.kind = ErrorKind::ended, .text = "the client has disconnected"};
}

milliseconds until(Time time) {
  return std::max(std::chrono::ceil<milliseconds>(time - Clock::now()), milliseconds(0));
}

}  // namespace

Client::Runner::Runner(Settings settings)
    : settings_(std::move(settings)),
      inbox_(settings_.inbox_max, [this] { wake_.set(); }),
      outbox_({settings_.queue_max, settings_.queue_bytes_max}, [this] { wake_.set(); }),
      machine_(settings_.connect, *this),
      loop_(machine_, settings_.target) {
  if (!settings_.queue_file.empty()) {
    file_error_ = outbox_.open(settings_.queue_file, settings_.queue_file_synced);
  }
  thread_ = std::thread([this] { run(); });
}

Client::Runner::~Runner() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  outbox_.end();
  cancel_.set();
  wake_.set();
  thread_.join();
}

void Client::Runner::post(Work work) {
  const std::lock_guard lock(mutex_);
  work_.push_back(std::move(work));
  if (work_.size() == 1) wake_.set();
}

Answer<Published> Client::Runner::publish(Message message) {
  if (file_error_) {
    const Promise<Published> promise;
    promise.fail(file_error_);
    return promise.answer();
  }
  return outbox_.add(std::move(message), !is_own_thread());
}

void Client::Runner::run() noexcept {
  for (;;) {
    wake_.clear();
    do_work();
    {
      const std::lock_guard lock(mutex_);
      if (stops_) break;
    }
    if (loop_.is_open()) {
      turn();
    } else if (wants_connection_ && Clock::now() >= next_attempt_) {
      try_to_open();
    } else {
      wait_for_attempt();
    }
    responses_.expire(Clock::now());
    outbox_.forget_finished();
  }
  machine_.disconnect();
  loop_.flush();
  // What was posted last is answered, too.
  do_work();
  give_up(ended());
}

void Client::Runner::do_work() {
  std::vector<Work> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(work_);
  }
  for (const Work& each : work) each();
}

void Client::Runner::turn() {
  outbox_.give(machine_, kOutputMost);
  leave_if_done();
  loop_.pause_reading(inbox_.is_full());
  loop_.flush();
  loop_.turn(patience(), wake_.descriptor());
  if (!loop_.is_open()) on_closed(loop_.error() ? loop_.error() : ended_by_);
}

milliseconds Client::Runner::patience() const {
  milliseconds most = kTurn;
  if (const auto due = responses_.deadline()) most = std::min(most, until(*due));
  if (leaving_) most = std::min(most, until(leaving_->until));
  if (!loop_.is_open() && wants_connection_) most = std::min(most, until(next_attempt_));
  return most;
}

void Client::Runner::wait_for_attempt() {
  if (leaving_) return give_up(left());
  pollfd wanted{wake_.descriptor(), POLLIN, 0};
  static_cast<void>(::poll(&wanted, 1, static_cast<int>(patience().count())));
}

void Client::Runner::connect(const Promise<Connected>& promise) {
  if (is_connected_)
    return promise.fail({.kind = ErrorKind::invalid_argument, .text = "the client is connected"});
  if (file_error_) return promise.fail(file_error_);
  connects_.push_back(promise);
  if (wants_connection_) return;
  cancel_.clear();
  wants_connection_ = true;
  tells_first_ = !settings_.retries_first;
  delay_ = milliseconds(0);
  next_attempt_ = Clock::now();
}

void Client::Runner::try_to_open() {
  was_connected_ = false;
  ended_by_ = {};
  const Error failed = loop_.open(cancel_.descriptor());
  if (failed) on_closed(failed);
}

/// A connection has ended, or did not come about.
void Client::Runner::on_closed(const Error& why) {
  const bool was_connected = std::exchange(was_connected_, false);
  is_connected_ = false;
  Error lost = why;
  if (!lost) lost = left();
  for (const auto& [request, promise] : std::exchange(asked_, {})) promise.fail(lost);
  if (was_connected && callbacks_.on_disconnected) callbacks_.on_disconnected(why);
  const bool goes_on = wants_connection_ && why && !leaving_ && why.kind != ErrorKind::ended &&
                       (was_connected ? settings_.reconnects : !tells_first_);
  if (goes_on) return schedule();
  give_up(lost);
}

void Client::Runner::schedule() {
  delay_ = std::clamp(delay_ * 2, settings_.reconnect_delay_min, settings_.reconnect_delay_max);
  next_attempt_ = Clock::now() + delay_;
}

/// There will be no connection unless the user wants one again.
void Client::Runner::give_up(const Error& why) {
  wants_connection_ = false;
  const bool all_done = outbox_.unfinished() == 0;
  for (const auto& promise : std::exchange(connects_, {})) promise.fail(why);
  for (const auto& [request, promise] : std::exchange(asked_, {})) promise.fail(why);
  outbox_.give_up(why);
  responses_.give_up(why);
  inbox_.give_up(why);
  if (!leaving_) return;
  const Leaving leaving = *std::exchange(leaving_, std::nullopt);
  leaving.promise.give({.value = all_done});
}

void Client::Runner::leave(Leaving leaving) {
  if (leaving_) leaving_->promise.give({.value = false});
  leaving_ = std::move(leaving);
}

void Client::Runner::leave_if_done() {
  if (!leaving_) return;
  const bool waits = machine_.is_connected() && outbox_.unfinished() > 0;
  if (waits && Clock::now() < leaving_->until) return;
  machine_.disconnect(leaving_->reason, leaving_->properties);
}

void Client::Runner::subscribe(const std::vector<Subscription>& subscriptions,
                               const Properties& properties, const Promise<Reasons>& promise) {
  Request request = 0;
  if (Error wrong = machine_.subscribe(subscriptions, properties, request)) {
    return promise.fail(std::move(wrong));
  }
  asked_.emplace(request, promise);
}

void Client::Runner::unsubscribe(const std::vector<std::string>& filters,
                                 const Properties& properties, const Promise<Reasons>& promise) {
  Request request = 0;
  if (Error wrong = machine_.unsubscribe(filters, properties, request)) {
    return promise.fail(std::move(wrong));
  }
  asked_.emplace(request, promise);
}

void Client::Runner::request(Message message, milliseconds most,
                             const Promise<IncomingMessage>& promise) {
  if (settings_.connect.version != Version::v5) {
    return promise.fail({.kind = ErrorKind::not_supported, .text = "only MQTT 5 has responses"});
  }
  if (!has_response_topic_) {
    // SUBSCRIBE goes first, so the broker has it before the request.
    const Promise<Reasons> subscribed;
    subscribe({{.filter = responses_.topic(), .qos = Qos::at_least_once}}, {}, subscribed);
    if (subscribed.answer().is_ready()) return promise.fail(subscribed.answer().get().error);
    has_response_topic_ = true;
  }
  responses_.add(message, Clock::now() + most, promise);
  publish(std::move(message)).then([promise](const Outcome<Published>& published) {
    if (!published) return promise.fail(published.error);
    const uint8_t reason = published.value.reason;
    if (reason < 0x80) return;
    promise.fail(
        {.kind = ErrorKind::refused, .reason = reason, .text = std::string(reason_name(reason))});
  });
}

void Client::Runner::acknowledge(uint16_t packet_id, Qos qos) {
  if (qos != Qos::at_most_once) machine_.acknowledge(packet_id, qos);
}

void Client::Runner::authenticate(uint8_t reason, const Properties& properties) {
  // There is nobody to tell: who is not connected has nothing to renew.
  static_cast<void>(machine_.authenticate(reason, properties));
}

void Client::Runner::on_connected(const Connected& connected) {
  is_connected_ = was_connected_ = true;
  tells_first_ = false;
  delay_ = milliseconds(0);
  if (!connected.session_present && !settings_.connect.resubscribe) has_response_topic_ = false;
  if (callbacks_.on_connected) callbacks_.on_connected(connected);
  for (const auto& promise : std::exchange(connects_, {})) promise.give({.value = connected});
}

void Client::Runner::on_message(const Received& received) {
  IncomingMessage message{.topic = std::string(received.topic),
                          .payload = std::string(received.payload),
                          .qos = received.qos,
                          .retain = received.retain,
                          .dup = received.dup,
                          .packet_id = received.packet_id,
                          .properties = received.properties};
  if (has_response_topic_ && responses_.take(message)) {
    if (settings_.connect.manual_acknowledge) acknowledge(message.packet_id, message.qos);
    return;
  }
  if (!callbacks_.tell(message)) inbox_.add(std::move(message));
}

void Client::Runner::on_published(const Published& published) {
  outbox_.finish(published);
}

void Client::Runner::on_subscribed(Request request, std::span<const uint8_t> reasons,
                                   const Properties& /*properties*/) {
  const auto found = asked_.find(request);
  if (found == asked_.end()) return;
  const Promise<Reasons> promise = std::move(found->second);
  asked_.erase(found);
  promise.give({.value = Reasons(reasons.begin(), reasons.end())});
}

void Client::Runner::on_unsubscribed(Request request, std::span<const uint8_t> reasons,
                                     const Properties& /*properties*/) {
  on_subscribed(request, reasons, {});
}

void Client::Runner::on_auth(uint8_t reason, const Properties& properties) {
  constexpr uint8_t kContinue = 0x18;
  constexpr uint8_t kNotAuthorized = 0x87;
  const auto answer = callbacks_.on_auth ? callbacks_.on_auth(reason, properties) : std::nullopt;
  if (reason != kContinue) return;
  const bool answered = answer && !machine_.authenticate(kContinue, *answer);
  if (!answered) machine_.disconnect(kNotAuthorized);
}

void Client::Runner::on_disconnected(const Error& why) {
  ended_by_ = why;
  is_connected_ = false;
}

}  // namespace tombo::client
