#include "server/passed_sockets.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

namespace tombo::server {
namespace {

/// SD_LISTEN_FDS_START
constexpr int kFirst = 3;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::optional<uint64_t> number_in(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<int> option_of(const net::Socket& socket, int level, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket.descriptor(), level, option, &value, &size) != 0) return std::nullopt;
  return value;
}

bool is_listening_stream(const net::Socket& socket) {
  return option_of(socket, SOL_SOCKET, SO_TYPE) == SOCK_STREAM &&
         option_of(socket, SOL_SOCKET, SO_ACCEPTCONN) == 1;
}

/// All addresses of IPv6, or all of IPv4, at this port?
bool is_any(const net::Endpoint& endpoint) {
  if (endpoint.is_ipv6()) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(endpoint.address);
    return IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) != 0;
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(endpoint.address);
  return endpoint.address.ss_family == AF_INET && v4.sin_addr.s_addr == INADDR_ANY;
}

/// It has the same place for both families.
in_port_t port_bytes(const net::Endpoint& endpoint) {
  return reinterpret_cast<const sockaddr_in&>(endpoint.address).sin_port;
}

}  // namespace

PassedSockets::Environment PassedSockets::read_environment() {
  return {.listen_pid = variable("LISTEN_PID"),
          .listen_fds = variable("LISTEN_FDS"),
          .listen_fdnames = variable("LISTEN_FDNAMES")};
}

PassedSockets PassedSockets::take(const Environment& environment,
                                  std::vector<config::Notice>& notices) {
  PassedSockets taken;
  if (environment.listen_fds.empty()) return taken;
  if (number_in(environment.listen_pid) != static_cast<uint64_t>(::getpid())) return taken;
  const std::optional<uint64_t> count = number_in(environment.listen_fds);
  if (!count || *count > kMax) {
    notices.push_back(
        {LogType::warning, fmt::format("Warning: LISTEN_FDS is \"{}\", not a number up to {}; no "
                                       "sockets are taken from who started the broker.",
                                       environment.listen_fds, kMax)});
    return taken;
  }
  std::string_view names = environment.listen_fdnames;
  for (int descriptor = kFirst; descriptor < kFirst + static_cast<int>(*count); ++descriptor) {
    const size_t end = std::min(names.find(':'), names.size());
    std::optional<Passed> passed = examine(descriptor, names.substr(0, end));
    names.remove_prefix(std::min(end + 1, names.size()));
    if (passed) {
      taken.passed_.push_back(std::move(*passed));
    } else {
      notices.push_back({LogType::warning,
                         fmt::format("Warning: Descriptor {} of LISTEN_FDS is no listening stream "
                                     "socket.",
                                     descriptor)});
    }
  }
  return taken;
}

std::optional<PassedSockets::Passed> PassedSockets::examine(int descriptor, std::string_view name) {
  Passed passed{.socket = net::Socket(descriptor), .text = {}};
  if (!is_listening_stream(passed.socket)) return std::nullopt;
  net::Endpoint& endpoint = passed.endpoint;
  endpoint.size = sizeof endpoint.address;
  auto* generic = reinterpret_cast<sockaddr*>(&endpoint.address);
  if (::getsockname(descriptor, generic, &endpoint.size) != 0) return std::nullopt;
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) return std::nullopt;
  if (endpoint.address.ss_family == AF_UNIX) {
    passed.unix_path = reinterpret_cast<const sockaddr_un&>(endpoint.address).sun_path;
  }
  passed.both_families = endpoint.is_ipv6() && is_any(endpoint) &&
                         option_of(passed.socket, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
  passed.text = passed.unix_path.empty() ? net::to_text(endpoint.address) : passed.unix_path;
  if (!name.empty()) passed.text += fmt::format(" ({})", name);
  return passed;
}

std::optional<PassedSockets::Found> PassedSockets::find(const net::Endpoint& endpoint) const {
  std::optional<Found> found;
  for (size_t i = 0; i < passed_.size(); ++i) {
    const Passed& passed = passed_[i];
    if (passed.endpoint == endpoint) return Found{i, passed.text};
    if (passed.both_families && endpoint.address.ss_family == AF_INET && is_any(endpoint) &&
        port_bytes(passed.endpoint) == port_bytes(endpoint)) {
      found = Found{i, passed.text};
    }
  }
  return found;
}

std::optional<PassedSockets::Found> PassedSockets::find(const std::string& unix_path) const {
  for (size_t i = 0; i < passed_.size(); ++i) {
    if (passed_[i].unix_path == unix_path) return Found{i, passed_[i].text};
  }
  return std::nullopt;
}

Result<std::vector<net::Socket>> PassedSockets::copies(size_t index, unsigned count) const {
  std::vector<net::Socket> sockets;
  while (sockets.size() < count) {
    const int own = passed_[index].socket.descriptor();
    net::Socket& copy = sockets.emplace_back(::fcntl(own, F_DUPFD_CLOEXEC, kFirst));
    if (!copy) return Error{std::strerror(errno)};
  }
  return sockets;
}

std::vector<std::string> PassedSockets::texts() const {
  std::vector<std::string> texts;
  for (const Passed& passed : passed_) texts.push_back(passed.text);
  return texts;
}

}  // namespace tombo::server
