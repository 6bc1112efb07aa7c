#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"
#include "config/config.h"
#include "net/socket.h"
#include "server/privileges.h"

namespace spdlog {
class async_logger;

namespace details {
class thread_pool;
}
}  // namespace spdlog

namespace tombo::server {

class LogFanOut;

/// The log of the process: threads hand lines over, one thread of its own writes them to standard
/// error, standard output, a file, syslog and $SYS/broker/log/.
/// Bound: kLinesMax lines of kLineBytesMax bytes. When writing is too slow, the oldest lines are
/// thrown away and counted, for nobody who logs may wait. The thread sleeps when there is nothing.
/// Outlives every ThreadLogger on it.
class LogSink {
 public:
  static constexpr size_t kLinesMax = 8192;
  static constexpr size_t kLineBytesMax = 999;  ///< Mosquitto's buffer of 1000, without the zero.

  /// Publishes a line at a topic below $SYS/broker/log/. Called on the log's thread.
  using TopicWriter = std::function<void(std::string topic, std::string_view line)>;

  /// Starts the thread. Nothing is written before open().
  LogSink();
  /// Writes out what is there.
  ~LogSink();
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  /// Writes where `config` says from now on. Opens the file anew, so it serves reloading and
  /// rotation as well. An error leaves everything as it was.
  Result<void> open(const config::LogConfig& config);
  /// The same with what open_file() has given for `config`.
  void open(const config::LogConfig& config, net::Socket file);
  /// The log file, opened for `user` as open_to_write() does; without an owner: there is none.
  static Result<net::Socket> open_file(const config::LogConfig& config,
                                       const std::optional<RunAs>& user);
  /// Where log_dest topic goes to; empty: nowhere.
  void set_topic_writer(TopicWriter writer);

  /// From any thread; never waits.
  void write(LogType type, std::string_view line);

  /// Lines thrown away since the last call.
  uint64_t take_lost();

 private:
  static constexpr size_t kTypes = 9;

  std::shared_ptr<spdlog::details::thread_pool> thread_;
  std::shared_ptr<LogFanOut> fan_out_;
  // One for each LogType: its name tells the destinations which.
  std::array<std::shared_ptr<spdlog::async_logger>, kTypes> loggers_;
  uint64_t lost_told_ = 0;
};

/// One thread's way to the log; its types are its own.
class ThreadLogger final : public Logger {
 public:
  ThreadLogger(LogSink& sink, uint32_t types) : sink_(sink) { set_mask(types); }

  void set_types(uint32_t types) { set_mask(types); }

 private:
  void write(LogType type, std::string_view line) override { sink_.write(type, line); }

  LogSink& sink_;
};

}  // namespace tombo::server
