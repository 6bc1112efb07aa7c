#include "server/log_sink.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <mutex>
#include <sys/prctl.h>
#include <syslog.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/dist_sink.h>

#include "server/written_file.h"

namespace tombo::server {
namespace {

using spdlog::memory_buf_t;
using spdlog::details::log_msg;

/// What a type of lines is called below $SYS/broker/log/ and in syslog.
struct TypeName {
  LogType type;
  /// The name of the spdlog logger; the topic, where there is one.
  std::string_view name;
  bool to_topic;
  int priority;
};

constexpr TypeName kTypeNames[] = {
    {LogType::info, "I", true, LOG_INFO},
    {LogType::notice, "N", true, LOG_NOTICE},
    {LogType::warning, "W", true, LOG_WARNING},
    {LogType::error, "E", true, LOG_ERR},
    {LogType::debug, "D", false, LOG_DEBUG},
    {LogType::subscribe, "M/subscribe", true, LOG_NOTICE},
    {LogType::unsubscribe, "M/unsubscribe", true, LOG_NOTICE},
    {LogType::websockets, "WS", true, LOG_DEBUG},
    {LogType::internal, "internal", false, LOG_DEBUG},
};

size_t index_of(LogType type) {
  const auto* found = std::ranges::find(kTypeNames, type, &TypeName::type);
  return found == std::end(kTypeNames) ? 0 : static_cast<size_t>(found - kTypeNames);
}

const TypeName& type_of(const log_msg& message) {
  const std::string_view name(message.logger_name.data(), message.logger_name.size());
  const auto* found = std::ranges::find(kTypeNames, name, &TypeName::name);
  return found == std::end(kTypeNames) ? kTypeNames[0] : *found;
}

/// "PREFIX: text" and a line feed, in Mosquitto's manner.
class LineFormatter final : public spdlog::formatter {
 public:
  explicit LineFormatter(const config::LogConfig& config)
      : timestamp_(config.log_timestamp), pattern_(config.log_timestamp_format) {}

  void format(const log_msg& message, memory_buf_t& line) override {
    const size_t start = line.size();
    if (timestamp_) append_time(message, line);
    line.append(message.payload);
    line.resize(std::min(line.size(), start + LogSink::kLineBytesMax));
    line.push_back('\n');
  }

  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(*this);
  }

 private:
  void append_time(const log_msg& message, memory_buf_t& line) const {
    const std::time_t time = std::chrono::system_clock::to_time_t(message.time);
    if (pattern_.empty()) {
      fmt::format_to(std::back_inserter(line), "{}: ", time);
      return;
    }
    std::tm fields{};
    ::localtime_r(&time, &fields);
    std::array<char, 200> text{};
    const size_t size = std::strftime(text.data(), text.size(), pattern_.c_str(), &fields);
    line.append(std::string_view(text.data(), size));
    line.append(std::string_view(": "));
  }

  bool timestamp_;
  std::string pattern_;
};

// The mutex of LogFanOut guards all sinks, so each has none of its own.
using Sink = spdlog::sinks::base_sink<spdlog::details::null_mutex>;

/// Lines for a file or a terminal: gathered while more are waiting, written in one go.
class DescriptorSink final : public Sink {
 public:
  /// Does not close the descriptor.
  explicit DescriptorSink(int descriptor) : descriptor_(descriptor) {}

  explicit DescriptorSink(net::Socket file)
      : file_(std::move(file)), descriptor_(file_.descriptor()) {}

  DescriptorSink(const DescriptorSink&) = delete;
  DescriptorSink& operator=(const DescriptorSink&) = delete;

  ~DescriptorSink() override { write_out(); }

 protected:
  void sink_it_(const log_msg& message) override {
    formatter_->format(message, lines_);
    if (lines_.size() >= kWriteFrom) write_out();
  }

  void flush_() override { write_out(); }

 private:
  static constexpr size_t kWriteFrom = size_t{32} * 1024;

  void write_out() {
    std::string_view rest(lines_.data(), lines_.size());
    while (!rest.empty()) {
      const ssize_t count = ::write(descriptor_, rest.data(), rest.size());
      // A full disk or a closed pipe: there is nobody left to tell.
      if (count < 0 && errno != EINTR) break;
      rest.remove_prefix(static_cast<size_t>(std::max<ssize_t>(count, 0)));
    }
    lines_.clear();
  }

  net::Socket file_;
  int descriptor_;
  memory_buf_t lines_;
};

class SyslogSink final : public Sink {
 public:
  explicit SyslogSink(std::optional<uint8_t> facility) {
    const int number = facility ? LOG_LOCAL0 + (*facility << 3) : LOG_DAEMON;
    ::openlog("mosquitto", LOG_PID | LOG_CONS, number);
  }

  SyslogSink(const SyslogSink&) = delete;
  SyslogSink& operator=(const SyslogSink&) = delete;

  ~SyslogSink() override { ::closelog(); }

 protected:
  void sink_it_(const log_msg& message) override {
    // With the time in front, as in Mosquitto, although syslog has one too: filters expect it.
    memory_buf_t line;
    formatter_->format(message, line);
    ::syslog(type_of(message).priority, "%.*s", static_cast<int>(line.size() - 1), line.data());
  }

  void flush_() override {}
};

class TopicSink final : public Sink {
 public:
  explicit TopicSink(const LogSink::TopicWriter& writer) : writer_(writer) {}

 protected:
  void sink_it_(const log_msg& message) override {
    const TypeName& type = type_of(message);
    if (!type.to_topic || !writer_) return;
    memory_buf_t line;
    formatter_->format(message, line);
    writer_(fmt::format("$SYS/broker/log/{}", type.name), {line.data(), line.size() - 1});
  }

  void flush_() override {}

 private:
  const LogSink::TopicWriter& writer_;
};

Result<net::Socket> open_file(const std::optional<RunAs>& user, const std::string& path) {
  net::Socket file = open_to_write(user, path, O_WRONLY | O_APPEND, 0600);
  if (file) return file;
  return Error{fmt::format("Error: Unable to open log file {} for writing: {}.", path,
                           std::strerror(errno))};
}

}  // namespace

/// Hands each line to all destinations, on the log's thread; they are exchanged from others.
class LogFanOut final : public spdlog::sinks::dist_sink_mt {
 public:
  void set_topic_writer(LogSink::TopicWriter writer) {
    const std::lock_guard<std::mutex> lock(mutex_);
    topic_writer_ = std::move(writer);
  }

  void open(const config::LogConfig& config, net::Socket file) {
    std::vector<spdlog::sink_ptr> sinks;
    if (config.log_dest_stderr) {
      sinks.push_back(std::make_shared<DescriptorSink>(STDERR_FILENO));
    }
    if (config.log_dest_stdout) {
      sinks.push_back(std::make_shared<DescriptorSink>(STDOUT_FILENO));
    }
    if (file) sinks.push_back(std::make_shared<DescriptorSink>(std::move(file)));
    if (config.log_dest_topic) sinks.push_back(std::make_shared<TopicSink>(topic_writer_));
    const LineFormatter formatter(config);
    for (const spdlog::sink_ptr& each : sinks) each->set_formatter(formatter.clone());
    const std::lock_guard<std::mutex> lock(mutex_);  // No line finds only some of them.
    // The old one closes syslog when it goes, so it goes before the new one opens it.
    sinks_.clear();
    if (config.log_dest_syslog) {
      sinks.push_back(std::make_shared<SyslogSink>(config.log_facility));
      sinks.back()->set_formatter(formatter.clone());
    }
    sinks_ = std::move(sinks);
  }

  /// Tells whether more lines wait.
  void set_queue(spdlog::details::thread_pool* queue) { queue_ = queue; }

 protected:
  void sink_it_(const log_msg& message) override {
    dist_sink::sink_it_(message);
    if (queue_->queue_size() == 0) flush_();
  }

 private:
  LogSink::TopicWriter topic_writer_;
  spdlog::details::thread_pool* queue_ = nullptr;
};

LogSink::LogSink() : fan_out_(std::make_shared<LogFanOut>()) {
  static_assert(std::size(kTypeNames) == kTypes);
  thread_ = std::make_shared<spdlog::details::thread_pool>(
      kLinesMax, 1, [] { ::prctl(PR_SET_NAME, "tombo-log"); });
  fan_out_->set_queue(thread_.get());
  for (size_t i = 0; i < kTypes; ++i) {
    loggers_[i] =
        std::make_shared<spdlog::async_logger>(std::string(kTypeNames[i].name), fan_out_, thread_,
                                               spdlog::async_overflow_policy::overrun_oldest);
    // Types are sorted out by ThreadLogger; here everything passes.
    loggers_[i]->set_level(spdlog::level::trace);
  }
}

LogSink::~LogSink() {
  // Its destructor lets the thread finish the queue and joins it.
  thread_.reset();
}

Result<net::Socket> LogSink::open_file(const config::LogConfig& config,
                                       const std::optional<RunAs>& user) {
  if (config.log_dest_file.empty()) return net::Socket();
  return server::open_file(user, config.log_dest_file);
}

Result<void> LogSink::open(const config::LogConfig& config) {
  Result<net::Socket> file = open_file(config, {});
  if (!file) return file.error();
  open(config, std::move(*file));
  return {};
}

void LogSink::open(const config::LogConfig& config, net::Socket file) {
  fan_out_->open(config, std::move(file));
}

void LogSink::set_topic_writer(TopicWriter writer) {
  fan_out_->set_topic_writer(std::move(writer));
}

void LogSink::write(LogType type, std::string_view line) {
  line = line.substr(0, kLineBytesMax);
  loggers_[index_of(type)]->log(spdlog::level::info,
                                spdlog::string_view_t(line.data(), line.size()));
}

uint64_t LogSink::take_lost() {
  const uint64_t lost = thread_->overrun_counter();
  return lost - std::exchange(lost_told_, lost);
}

}  // namespace tombo::server
