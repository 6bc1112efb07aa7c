#include "server/service_manager.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/core.h>

#include "net/unix_socket.h"

namespace tombo::server {
namespace {

/// Looks so many times within the time of the watchdog. A shard has three quarters of it to answer.
constexpr uint64_t kLooks = 4;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// 0: no number.
uint64_t number_in(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

std::optional<Duration> interval_of(const ServiceManager::Environment& environment) {
  const std::string& pid = environment.watchdog_pid;
  if (!pid.empty() && number_in(pid) != static_cast<uint64_t>(::getpid())) return std::nullopt;
  const uint64_t whole_us = number_in(environment.watchdog_usec);
  if (whole_us == 0) return std::nullopt;
  constexpr uint64_t kUsMax = uint64_t{1} << 50;
  const std::chrono::microseconds each(std::min(whole_us, kUsMax) / kLooks);
  return std::max(std::chrono::duration_cast<Duration>(each), Duration(1));
}

}  // namespace

ServiceManager::Environment ServiceManager::read_environment() {
  return {.notify_socket = variable("NOTIFY_SOCKET"),
          .watchdog_usec = variable("WATCHDOG_USEC"),
          .watchdog_pid = variable("WATCHDOG_PID")};
}

ServiceManager::ServiceManager(const Environment& environment) {
  std::string path = environment.notify_socket;
  if (path.size() < 2 || path.size() > net::kUnixPathBytesMax) return;
  if (path.front() != '/' && path.front() != '@') return;
  if (path.front() == '@') path.front() = '\0';
  socket_ = net::Socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  path_ = std::move(path);
  watchdog_interval_ = interval_of(environment);
}

void ServiceManager::ready(std::string_view status) const {
  send(fmt::format("READY=1\nSTATUS={}", status));
}

void ServiceManager::reloading() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  // So that the manager can tell this reload from the one before.
  const int64_t now_us = int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=Reloading the configuration.", now_us));
}

void ServiceManager::stopping() const {
  send("STOPPING=1\nSTATUS=Ending.");
}

void ServiceManager::alive() const {
  send("WATCHDOG=1");
}

void ServiceManager::send(std::string_view lines) const {
  if (path_.empty() || !socket_) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path_, address.sun_path);
  const size_t size = offsetof(sockaddr_un, sun_path) + path_.size();
  // Each time anew, for the manager may have been started again at the same path.
  [[maybe_unused]] const ssize_t sent =
      ::sendto(socket_.descriptor(), lines.data(), lines.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size));
}

}  // namespace tombo::server
