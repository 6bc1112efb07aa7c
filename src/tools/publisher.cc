#include "tools/publisher.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <poll.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "client/loop.h"
#include "tools/client_words.h"
#include "tools/line_reader.h"
#include "tools/message_source.h"

namespace tombo::tools {
namespace {

using client::Qos;
using std::chrono::milliseconds;

/// Output that may wait before no more lines are read.
constexpr size_t kOutputMost = size_t{256} << 10;
constexpr milliseconds kTurn{1000};
/// Between attempts to connect again.
constexpr milliseconds kReconnectMost{30'000};

class Publisher final : public client::Handler {
 public:
  explicit Publisher(const ClientOptions& options)
      : options_(options),
        machine_(options.connect, *this),
        loop_(machine_, options.target),
        client_id_(options.connect.client_id),
        lines_(STDIN_FILENO) {
    message_.topic = options.topic;
    message_.qos = options.qos;
    message_.retain = options.retain;
    message_.properties = options.properties.publish;
    times_ = options.repeat;
  }

  int run() {
    std::optional<std::string> payload = read_payload(options_);
    if (!payload) return 1;
    message_.payload = std::move(*payload);
    if (const client::Error failed = loop_.open()) {
      complain(connect_failure(failed));
      return failed.kind == client::ErrorKind::tls ? kTlsStatus : 1;
    }
    while (status_ == kRunning) {
      if (loop_.is_open() || connect_again()) turn();
    }
    return status_ == kRunning ? 0 : status_;
  }

  void on_connected(const client::Connected& connected) override {
    client_id_ = connected.client_id;
    reconnect_delay_ = milliseconds(0);
    was_connected_ = true;
  }

  void on_published(const client::Published& published) override {
    if (published.reason < kFirstError) return;
    complain(fmt::format("Warning: Publish {} failed: {}.\n", published.packet_id,
                         reason_text(published.reason)));
  }

  void on_disconnected(const client::Error& why) override { ended_by_ = why; }

  void on_packet(const client::PacketTrace& packet) override {
    fmt::print("{}\n", trace_line(packet, client_id_.empty() ? "(null)" : client_id_));
  }

 private:
  static constexpr int kRunning = -1;
  static constexpr int kTlsStatus = 8;
  static constexpr uint8_t kFirstError = 0x80;

  [[nodiscard]] bool is_lines() const { return options_.source == MessageSource::stdin_lines; }

  void complain(std::string_view text) const {
    if (!options_.quiet) fmt::print(stderr, "{}", text);
  }

  void turn() {
    const bool wants_lines = is_lines() && can_publish() && !lines_.at_end();
    const bool readable = loop_.turn(wait_for(), wants_lines ? STDIN_FILENO : -1);
    if (!loop_.is_open()) return on_closed();
    if (!machine_.is_connected()) return;
    if (wants_lines && readable && !lines_.read()) return fail("Error: A line is too long.\n", 1);
    publish();
    loop_.flush();
    if (!loop_.is_open()) on_closed();
  }

  [[nodiscard]] milliseconds wait_for() const {
    if (!machine_.is_connected() || is_lines() || times_ == 0) return kTurn;
    return std::clamp(std::chrono::ceil<milliseconds>(next_at_ - client::Clock::now()),
                      milliseconds(0), kTurn);
  }

  /// Would one more be sent now?
  [[nodiscard]] bool can_publish() const {
    if (!machine_.is_connected() || loop_.unwritten() >= kOutputMost) return false;
    return options_.qos == Qos::at_most_once || machine_.room() > 0;
  }

  void publish() {
    if (is_lines()) {
      publish_lines();
    } else {
      publish_message();
    }
    if (is_done() && machine_.unacknowledged() == 0) {
      machine_.disconnect(0, options_.properties.disconnect);
    }
  }

  [[nodiscard]] bool is_done() const { return is_lines() ? lines_.at_end() : times_ == 0; }

  void publish_message() {
    const auto delay = std::chrono::duration<double>(options_.repeat_delay_s);
    while (times_ > 0 && can_publish() && client::Clock::now() >= next_at_) {
      if (!publish_one()) return;
      --times_;
      if (options_.repeat_delay_s == 0) continue;
      next_at_ = client::Clock::now() + std::chrono::duration_cast<client::Clock::duration>(delay);
    }
  }

  void publish_lines() {
    while (can_publish()) {
      const std::optional<std::string_view> line = lines_.next();
      if (!line) return;
      message_.payload = *line;
      if (!publish_one()) return;
    }
  }

  bool publish_one() {
    client::Request request = 0;
    if (const client::Error failed = machine_.publish(message_, request)) {
      fail(fmt::format("Error: {}.\n", failed.text), 1);
      return false;
    }
    // The broker knows the alias now.
    if (message_.properties.number(client::PropertyId::topic_alias)) message_.topic.clear();
    return true;
  }

  void fail(const std::string& text, int status) {
    complain(text);
    status_ = status;
  }

  void on_closed() {
    if (!ended_by_) {
      status_ = 0;
      return;
    }
    // Lines go on coming, so it tries again, if it was in once.
    const bool lost = ended_by_.kind == client::ErrorKind::connection_lost ||
                      ended_by_.kind == client::ErrorKind::keep_alive_timeout ||
                      (ended_by_.kind == client::ErrorKind::refused && was_connected_);
    if (is_lines() && lost && was_connected_) return;
    const Ending ending = ending_of(ended_by_, options_.connect.version);
    fail(ending.text, ending.status);
  }

  /// False: not yet.
  bool connect_again() {
    message_.topic = options_.topic;  // Aliases are the connection's.
    static_cast<void>(::poll(nullptr, 0, static_cast<int>(reconnect_delay_.count())));
    reconnect_delay_ = std::clamp(reconnect_delay_ * 2, milliseconds(1000), kReconnectMost);
    if (loop_.open()) return false;
    ended_by_ = {};
    return true;
  }

  const ClientOptions& options_;
  client::Machine machine_;
  client::Loop loop_;
  client::Message message_;
  std::string client_id_;
  LineReader lines_;
  uint32_t times_ = 0;
  client::Time next_at_{};
  client::Error ended_by_;
  bool was_connected_ = false;
  milliseconds reconnect_delay_{0};
  int status_ = kRunning;
};

}  // namespace

int run_publisher(const ClientOptions& options) {
  return Publisher(options).run();
}

}  // namespace tombo::tools
