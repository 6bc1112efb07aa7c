#include "tools/subscriber.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <poll.h>
#include <random>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "client/loop.h"
#include "mqtt/topic.h"
#include "tools/client_words.h"
#include "tools/message_printer.h"

namespace tombo::tools {
namespace {

using client::Clock;
using client::Qos;
using std::chrono::milliseconds;

constexpr milliseconds kTurn{1000};
constexpr milliseconds kReconnectMost{30'000};
constexpr int kTimedOut = 27;
constexpr int kTlsStatus = 8;
constexpr uint8_t kFirstError = 0x80;

volatile std::sig_atomic_t told_to_end = 0;

void on_signal(int /*number*/) {
  told_to_end = 1;
}

class Subscriber final : public client::Handler {
 public:
  explicit Subscriber(const ClientOptions& options)
      : options_(options),
        machine_(options.connect, *this),
        loop_(machine_, options.target),
        client_id_(options.connect.client_id),
        random_(std::random_device{}()),
        printer_(options) {
    if (options.timeout_s != 0) ends_at_ = Clock::now() + std::chrono::seconds(options.timeout_s);
  }

  int run() {
    if (const client::Error failed = loop_.open()) {
      printer_.complain(connect_failure(failed));
      return failed.kind == client::ErrorKind::tls ? kTlsStatus : 1;
    }
    if (options_.watches) printer_.print("\x1b[2J");
    while (status_ == kRunning) {
      if (loop_.is_open() || connect_again()) turn();
    }
    printer_.flush();
    return status_;
  }

  void on_connected(const client::Connected& connected) override {
    client_id_ = connected.client_id;
    was_connected_ = true;
    reconnect_delay_ = milliseconds(0);
    client::Request request = 0;
    if (!options_.filters.empty()) {
      std::vector<client::Subscription> wanted;
      for (const std::string& filter : options_.filters) {
        wanted.push_back({.filter = filter,
                          .qos = options_.qos,
                          .retain_as_published = options_.retain_as_published,
                          .retain_handling = options_.retain_handling});
      }
      check(machine_.subscribe(wanted, options_.properties.subscribe, request));
    }
    if (options_.unsubscribed.empty()) return;
    check(machine_.unsubscribe(options_.unsubscribed, options_.properties.unsubscribe, request));
  }

  void on_subscribed(client::Request /*request*/, std::span<const uint8_t> reasons,
                     const client::Properties& /*properties*/) override {
    std::string codes;
    for (const uint8_t reason : reasons)
      codes += fmt::format("{}{}", codes.empty() ? "" : ", ", reason);
    if (options_.debug)
      printer_.print(fmt::format("Subscribed (mid: {}): {}\n", suback_id_, codes));
    const bool any = std::ranges::any_of(reasons, [](uint8_t code) { return code < kFirstError; });
    if (!any) {
      printer_.complain("All subscription requests were denied.\n");
      leave(0);
    } else if (options_.exits_after_suback) {
      leave(0);
    }
  }

  void on_message(const client::Received& message) override {
    if (is_leaving_) return;
    if (options_.remove_retained && message.retain && !message.payload.empty()) remove(message);
    if (options_.retained_only && !message.retain) return leave(0);
    if (message.retain && options_.no_retained) return;
    if (is_hidden(message)) return;
    ++printed_;
    if (options_.tells_rate) {
      ++rate_;
    } else {
      printer_.print(message);
    }
    if (options_.count != 0 && printed_ >= options_.count) leave(0);
  }

  void on_disconnected(const client::Error& why) override { ended_by_ = why; }

  void on_packet(const client::PacketTrace& packet) override {
    if (!packet.sent) suback_id_ = packet.packet_id;
    printer_.print(trace_line(packet, client_id_.empty() ? "(null)" : client_id_) + '\n');
  }

 private:
  static constexpr int kRunning = -1;

  void check(const client::Error& failed) {
    if (!failed) return;
    printer_.complain(fmt::format("Error: {}.\n", failed.text));
    leave(1);
  }

  /// Says good-bye; the status counts when the connection has ended.
  void leave(int status) {
    leaving_status_ = status;
    if (std::exchange(is_leaving_, true)) return;
  }

  [[nodiscard]] bool is_hidden(const client::Received& message) {
    for (const std::string& filter : options_.hidden) {
      if (mqtt::topic_matches(filter, message.topic)) return true;
    }
    if (options_.random_percent >= 100) return false;
    return std::uniform_real_distribution<>(0, 100)(random_) >= options_.random_percent;
  }

  /// The broker forgets what it had for the topic.
  void remove(const client::Received& message) {
    client::Request request = 0;
    check(machine_.publish({.topic = std::string(message.topic),
                            .payload = {},
                            .qos = Qos::at_least_once,
                            .retain = true},
                           request));
  }

  void turn() {
    loop_.turn(wait_for());
    if (told_to_end != 0) leave(0);
    if (ends_at_ && Clock::now() >= *ends_at_ && !is_leaving_) {
      printer_.complain("Timed out\n");
      leave(kTimedOut);
    }
    if (options_.tells_rate && Clock::now() >= next_rate_) tell_rate();
    printer_.flush();
    if (printer_.has_failed()) leave(1);
    if (is_leaving_ && loop_.is_open() && machine_.unacknowledged() == 0) {
      machine_.disconnect(0, options_.properties.disconnect);
      loop_.flush();
    }
    if (!loop_.is_open()) on_closed();
  }

  void tell_rate() {
    next_rate_ = std::max(next_rate_, Clock::now()) + std::chrono::seconds(1);
    if (machine_.is_connected()) printer_.print(fmt::format("{}\n", std::exchange(rate_, 0)));
  }

  [[nodiscard]] milliseconds wait_for() const {
    milliseconds most = kTurn;
    const auto until = [&most](client::Time when) {
      most =
          std::clamp(std::chrono::ceil<milliseconds>(when - Clock::now()), milliseconds(0), most);
    };
    if (ends_at_) until(*ends_at_);
    if (options_.tells_rate) until(next_rate_);
    return most;
  }

  void on_closed() {
    if (is_leaving_) {
      status_ = leaving_status_;
      return;
    }
    const bool lost = ended_by_.kind == client::ErrorKind::connection_lost ||
                      ended_by_.kind == client::ErrorKind::keep_alive_timeout ||
                      (ended_by_.kind == client::ErrorKind::refused && was_connected_);
    if (lost && was_connected_) return;  // It comes back.
    const Ending ending = ending_of(ended_by_, options_.connect.version);
    printer_.complain(ending.text);
    status_ = ending.status;
  }

  /// False: not yet.
  bool connect_again() {
    milliseconds wait = reconnect_delay_;
    if (ends_at_) {
      wait = std::clamp(std::chrono::ceil<milliseconds>(*ends_at_ - Clock::now()), milliseconds(0),
                        wait);
    }
    static_cast<void>(::poll(nullptr, 0, static_cast<int>(wait.count())));
    reconnect_delay_ = std::clamp(reconnect_delay_ * 2, milliseconds(1000), kReconnectMost);
    if (told_to_end != 0) {
      status_ = 0;
      return false;
    }
    if (ends_at_ && Clock::now() >= *ends_at_) {
      printer_.complain("Timed out\n");
      status_ = kTimedOut;
      return false;
    }
    if (loop_.open()) return false;
    ended_by_ = {};
    return true;
  }

  const ClientOptions& options_;
  client::Machine machine_;
  client::Loop loop_;
  std::string client_id_;
  std::mt19937 random_;
  MessagePrinter printer_;
  std::optional<client::Time> ends_at_;
  client::Time next_rate_ = Clock::now() + std::chrono::seconds(1);
  uint64_t printed_ = 0;
  uint64_t rate_ = 0;
  uint16_t suback_id_ = 0;
  client::Error ended_by_;
  bool was_connected_ = false;
  bool is_leaving_ = false;
  int leaving_status_ = 0;
  milliseconds reconnect_delay_{0};
  int status_ = kRunning;
};

}  // namespace

int run_subscriber(const ClientOptions& options) {
  struct sigaction action {};

  action.sa_handler = &on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  return Subscriber(options).run();
}

}  // namespace tombo::tools
