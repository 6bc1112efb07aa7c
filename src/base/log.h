#pragma once

#include <cstdint>
#include <string_view>

#include <fmt/core.h>

namespace tombo {

/// Kinds of log lines; the bits are those of mosquitto's log types.
enum class LogType : uint32_t {
  none = 0,
  info = 1,
  notice = 2,
  warning = 4,
  error = 8,
  debug = 16,
  subscribe = 32,
  unsubscribe = 64,
  websockets = 128,
  internal = 0x80000000u,
  all = 0xffffffffu,
};

/// Where log lines go (a port: the server implements it, tests collect lines).
/// Home: one shard; each shard has its own Logger, so the mask is a plain number.
/// write() must not block: it hands the line to another thread or drops it.
///   LOG_TO(logger, LogType::notice, "New client connected as {}.", client_id);
class Logger {
 public:
  Logger() = default;
  virtual ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  /// Whether a line of this type (or, for several bits, of one of them) would be written.
  [[nodiscard]] bool enabled(LogType type) const {
    return (mask_ & static_cast<uint32_t>(type)) != 0;
  }

  /// Writes one line, without a line feed, if its type is enabled.
  void log(LogType type, std::string_view line) {
    if (enabled(type)) write(type, line);
  }

  [[nodiscard]] uint32_t mask() const { return mask_; }

 protected:
  virtual void write(LogType type, std::string_view line) = 0;

  void set_mask(uint32_t mask) { mask_ = mask; }

 private:
  // mosquitto's default: error, warning, notice, information.
  uint32_t mask_ = 0x0f;
};

/// A Logger that writes nothing.
class NullLogger final : public Logger {
 public:
  NullLogger() { set_mask(0); }

 private:
  void write(LogType type, std::string_view line) override;
};

}  // namespace tombo

/// LOG_TO(logger, type, format, arguments...): the arguments are evaluated and formatted (fmt) only
/// when the type is enabled; the format is checked at compile time.
#define LOG_TO(logger, type, ...)                                               \
  do {                                                                          \
    if ((logger).enabled(type)) (logger).log(type, ::fmt::format(__VA_ARGS__)); \
  } while (false)
