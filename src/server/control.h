#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "config/command_line.h"
#include "config/draft.h"
#include "server/log_sink.h"
#include "server/passphrases.h"
#include "server/server.h"
#include "server/service_manager.h"
#include "server/setup.h"
#include "server/signals.h"
#include "server/sys_topics.h"

namespace tombo::server {

/// What the process was started with, for reading the configuration again.
struct Origin {
  config::CommandLine command_line;
  config::Environment environment;
  Passphrases passphrases{};  ///< That were asked for at the start.
};

/// The thread that an operator talks to: signals, reloading, $SYS, the service manager. It sleeps
/// until a signal comes, $SYS is due or the watchdog wants to hear something.  Home: the main
/// thread.
class Control {
 public:
  Control(Origin origin, const Setup& setup, LogSink& log_sink, ThreadLogger& log, Server& server);

  /// Before clients are let in: $SYS is there when the first comes, and what it does counts.
  void begin();

  /// Until SIGINT or SIGTERM. The server runs before and after.
  void run();

 private:
  void on_signal(Signal signal);
  void reload();
  void save();
  /// `unreadable`: files that explain it.
  void keep_old(const Error& why, const std::vector<std::string>& unreadable);
  void reopen_log();
  void print_tree();
  void plan_sys_update(Now now);
  void update_sys(Now now);
  void report_lost_lines();
  /// Tells the service manager that all is well, if every shard has answered since the last look.
  void look_after_shards(Now now);

  Origin origin_;
  std::shared_ptr<const config::Config> config_;
  std::shared_ptr<const broker::Authorizer> rights_;
  LogSink& log_sink_;
  ThreadLogger& log_;
  Server& server_;
  SysTopics sys_topics_;
  Time started_;
  std::optional<Time> next_sys_update_;
  ServiceManager service_manager_;
  std::optional<Time> next_look_;  // Nullopt: nobody wants to know.
  bool complained_ = false;
};

/// Logs what is worth a warning in files that are good enough to start with.
void log_warnings(Logger& log, const Setup& setup);
/// Logs notices in their order.
void log_notices(Logger& log, const std::vector<config::Notice>& notices);
/// Logs each line of an error.
void log_error(Logger& log, const Error& error);

}  // namespace tombo::server
