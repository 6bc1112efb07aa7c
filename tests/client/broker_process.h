#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace tombo::client {

/// A broker for tests, on a port of its own of the loopback.
class BrokerProcess {
 public:
  /// `kind`: "tombo" ($TOMBO_BROKER) or "mosquitto". `lines` of its configuration.
  explicit BrokerProcess(std::string kind, std::string lines = "allow_anonymous true\n");
  ~BrokerProcess();
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  /// Can one of this kind be started here?
  static bool exists(const std::string& kind);

  [[nodiscard]] uint16_t port() const { return port_; }

  /// As by kill -9.
  void kill();
  /// Again, at the same port.
  void start();

 private:
  std::string kind_;
  std::string lines_;
  std::string folder_;
  uint16_t port_;
  pid_t process_ = -1;
};

/// A port where nobody listens.
uint16_t free_port();

}  // namespace tombo::client
