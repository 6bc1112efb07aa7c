#include "tools/requester.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "client/loop.h"
#include "tools/client_words.h"
#include "tools/message_printer.h"
#include "tools/message_source.h"

namespace tombo::tools {
namespace {

using client::Clock;
using std::chrono::milliseconds;

constexpr milliseconds kTurn{1000};
constexpr int kTimedOut = 27;
constexpr int kTlsStatus = 8;
constexpr uint8_t kFirstError = 0x80;

/// "12.3ms", as Mosquitto prints it.
std::string latency_text(std::chrono::nanoseconds latency) {
  const auto count = static_cast<double>(latency.count());
  if (latency < std::chrono::microseconds(1)) return fmt::format("{}ns", latency.count());
  if (latency < milliseconds(1)) return fmt::format("{:.1f}µs", count / 1e3);
  if (latency < std::chrono::seconds(1)) return fmt::format("{:.1f}ms", count / 1e6);
  return fmt::format("{}.{:09}s", latency.count() / 1'000'000'000, latency.count() % 1'000'000'000);
}

class Requester final : public client::Handler {
 public:
  explicit Requester(const ClientOptions& options)
      : options_(options),
        machine_(options.connect, *this),
        loop_(machine_, options.target),
        client_id_(options.connect.client_id),
        printer_(options) {
    if (options.timeout_s != 0) ends_at_ = Clock::now() + std::chrono::seconds(options.timeout_s);
  }

  int run() {
    std::optional<std::string> payload = read_payload(options_);
    if (!payload) return 1;
    request_ = {.topic = options_.topic,
                .payload = std::move(*payload),
                .qos = options_.qos,
                .properties = options_.properties.publish};
    if (options_.connect.version == client::Version::v5) {
      request_.properties.add(client::PropertyId::response_topic, options_.response_topic);
    }
    if (const client::Error failed = loop_.open()) {
      printer_.complain(connect_failure(failed));
      return failed.kind == client::ErrorKind::tls ? kTlsStatus : 1;
    }
    while (loop_.is_open()) turn();
    printer_.flush();
    if (is_leaving_) return status_;
    const Ending ending = ending_of(ended_by_, options_.connect.version);
    printer_.complain(ending.text);
    return ending.status;
  }

  void on_connected(const client::Connected& connected) override {
    client_id_ = connected.client_id;
    const std::vector<client::Subscription> wanted{
        {.filter = options_.response_topic,
         .qos = options_.qos,
         .retain_as_published = options_.retain_as_published,
         .retain_handling = options_.retain_handling}};
    client::Request request = 0;
    check(machine_.subscribe(wanted, options_.properties.subscribe, request));
  }

  void on_subscribed(client::Request /*request*/, std::span<const uint8_t> reasons,
                     const client::Properties& /*properties*/) override {
    if (reasons.empty() || reasons.front() >= kFirstError) {
      printer_.complain("All subscription requests were denied.\n");
      return leave(0);
    }
    client::Request request = 0;
    asked_at_ = Clock::now();
    check(machine_.publish(request_, request));
  }

  void on_published(const client::Published& published) override {
    if (published.reason < kFirstError) return;
    printer_.complain(fmt::format("Warning: Publish {} failed: {}.\n", published.packet_id,
                                  reason_text(published.reason)));
    leave(published.reason);
  }

  void on_message(const client::Received& message) override {
    if (is_leaving_ || (message.retain && options_.no_retained)) return;
    printer_.print(message);
    if (options_.tells_latency) {
      printer_.print(fmt::format("Latency: {}\n", latency_text(Clock::now() - asked_at_)));
    }
    leave(0);
  }

  void on_disconnected(const client::Error& why) override { ended_by_ = why; }

  void on_packet(const client::PacketTrace& packet) override {
    printer_.print(trace_line(packet, client_id_.empty() ? "(null)" : client_id_) + '\n');
  }

 private:
  void check(const client::Error& failed) {
    if (!failed) return;
    printer_.complain(fmt::format("Error: {}.\n", failed.text));
    leave(1);
  }

  void leave(int status) {
    if (!std::exchange(is_leaving_, true)) status_ = status;
  }

  void turn() {
    milliseconds most = kTurn;
    if (ends_at_) {
      most = std::clamp(std::chrono::ceil<milliseconds>(*ends_at_ - Clock::now()), milliseconds(0),
                        most);
    }
    loop_.turn(most);
    if (ends_at_ && Clock::now() >= *ends_at_ && !is_leaving_) {
      printer_.complain("Timed out\n");
      leave(kTimedOut);
    }
    // An answer may come before the acknowledgement of what was asked.
    const bool is_done = status_ != 0 || machine_.unacknowledged() == 0;
    if (!is_leaving_ || !loop_.is_open() || !is_done) return;
    machine_.disconnect(0, options_.properties.disconnect);
    loop_.flush();
  }

  const ClientOptions& options_;
  client::Machine machine_;
  client::Loop loop_;
  std::string client_id_;
  MessagePrinter printer_;
  client::Message request_;
  client::Time asked_at_{};
  std::optional<client::Time> ends_at_;
  client::Error ended_by_;
  bool is_leaving_ = false;
  int status_ = 0;
};

}  // namespace

int run_requester(const ClientOptions& options) {
  return Requester(options).run();
}

}  // namespace tombo::tools
