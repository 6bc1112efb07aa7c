#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "net/socket.h"

namespace tombo::server {

/// What a service manager such as systemd hears of this process: lines in one datagram to the
/// socket in NOTIFY_SOCKET, see sd_notify(3). Without one nothing happens. Nothing waits: what the
/// manager has no room for is lost.  Home: the control thread.
class ServiceManager {
 public:
  /// Variables of the environment; empty: not set.
  struct Environment {
    std::string notify_socket{};  ///< NOTIFY_SOCKET: a path, or "@" and an abstract name.
    std::string watchdog_usec{};  ///< WATCHDOG_USEC: microseconds.
    std::string watchdog_pid{};   ///< WATCHDOG_PID: whom the watchdog is for, if it is one process.
  };

  static Environment read_environment();

  explicit ServiceManager(const Environment& environment);

  /// The broker serves, also again after reloading().
  void ready(std::string_view status) const;
  void reloading() const;
  void stopping() const;
  /// The broker is fine. Has to come within WATCHDOG_USEC, or the manager ends the process.
  void alive() const;

  /// How often to look whether all is fine; nullopt: no watchdog.
  [[nodiscard]] std::optional<Duration> watchdog_interval() const { return watchdog_interval_; }

 private:
  void send(std::string_view lines) const;

  std::string path_;  // Of sun_path; empty: nobody listens.
  net::Socket socket_;
  std::optional<Duration> watchdog_interval_;
};

}  // namespace tombo::server
