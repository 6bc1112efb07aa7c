#include "net/listener.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <utility>

#include <fmt/core.h>

#include "base/check.h"

namespace tombo::net {
namespace {

bool set_option(const Socket& socket, int level, int option, int value) {
  return ::setsockopt(socket.descriptor(), level, option, &value, sizeof value) == 0;
}

Socket open_spare() {
  return Socket(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

/// Two options, two calls: `SO_REUSEADDR | SO_REUSEPORT` is the number of a third one. Without an
/// owner: errno says why.
Socket bind_once(const Endpoint& endpoint, bool share_port) {
  Socket socket(
      ::socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // So that a restarted broker gets its port although old connections linger in the kernel.
  bool fine = socket && set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);
  if (share_port) fine = fine && set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1);
  // So that IPv4 has a socket of its own at the same port.
  if (endpoint.is_ipv6()) fine = fine && set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const auto* address = reinterpret_cast<const sockaddr*>(&endpoint.address);
  fine = fine && ::bind(socket.descriptor(), address, endpoint.size) == 0;
  if (fine) return socket;
  const int error = errno;
  socket.close();
  errno = error;
  return {};
}

Result<Socket> listen_once(const Endpoint& endpoint, bool share_port) {
  Socket socket = bind_once(endpoint, share_port);
  // On from the first connection, which may come, and inherit it, long before set_no_delay().
  if (socket) set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  if (!socket || ::listen(socket.descriptor(), Listener::kBacklog) != 0) {
    return Error{std::strerror(errno)};
  }
  return socket;
}

Endpoint bound_endpoint(const Socket& socket) {
  Endpoint endpoint;
  endpoint.size = sizeof endpoint.address;
  auto* address = reinterpret_cast<sockaddr*>(&endpoint.address);
  if (::getsockname(socket.descriptor(), address, &endpoint.size) != 0) endpoint.size = 0;
  return endpoint;
}

}  // namespace

Result<std::vector<Socket>> listen_at(const Endpoint& endpoint, unsigned count) {
  DCHECK(count > 0);
  // The first one binds and listens without SO_REUSEPORT, so it fails if anybody listens there. It
  // shares its port only afterwards, and the others can join in.
  Result<Socket> first = listen_once(endpoint, false);
  if (!first) return first.error();
  std::vector<Socket> sockets;
  sockets.push_back(std::move(*first));
  if (count == 1) return sockets;
  if (!set_option(sockets.front(), SOL_SOCKET, SO_REUSEPORT, 1)) return Error{std::strerror(errno)};
  const Endpoint bound = bound_endpoint(sockets.front());
  while (sockets.size() < count) {
    Result<Socket> next = listen_once(bound, true);
    if (!next) return next.error();
    sockets.push_back(std::move(*next));
  }
  return sockets;
}

int try_to_bind(const Endpoint& endpoint) {
  return bind_once(endpoint, false) ? 0 : errno;
}

uint16_t port_of(const Socket& socket) {
  const Endpoint endpoint = bound_endpoint(socket);
  if (endpoint.size == 0 || endpoint.address.ss_family == AF_UNIX) return 0;
  // The port has the same place in both.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&endpoint.address)->sin_port);
}

Listener::Listener(Socket socket) : socket_(std::move(socket)), spare_(open_spare()) {
  const Endpoint bound = bound_endpoint(socket_);
  if (bound.address.ss_family != AF_UNIX) return;
  unix_peer_ = fmt::format("{}:0", reinterpret_cast<const sockaddr_un*>(&bound.address)->sun_path);
}

void Listener::set_no_delay(bool on) {
  // Accepted sockets inherit it, which saves a call for each. An error (no TCP) changes nothing.
  set_option(socket_, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
}

Listener::Accepted Listener::accept() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  Socket socket(::accept4(socket_.descriptor(), reinterpret_cast<sockaddr*>(&address), &size,
                          SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) {
    return {Accepted::Kind::connection, std::move(socket),
            unix_peer_.empty() ? to_text(address) : unix_peer_, 0};
  }
  const int error = errno;
  Accepted result;
  switch (error) {
    case EAGAIN:
      break;
    case EMFILE:
    case ENFILE:
      return refuse(error);
    case ENOBUFS:
    case ENOMEM:
      result.kind = Accepted::Kind::exhausted;
      result.error = error;
      break;
    // ECONNABORTED and the errors of a network that accept4 passes on.
    default:
      result.kind = Accepted::Kind::lost;
  }
  return result;
}

Listener::Accepted Listener::refuse(int error) {
  Accepted result;
  spare_.close();
  Socket refused(::accept4(socket_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
  // The kernel looks for a descriptor first, so EMFILE does not even mean that somebody waits.
  if (!refused && errno == EAGAIN) {
    result.kind = Accepted::Kind::none;
  } else {
    // Without a connection another thread took the descriptor in between.
    result.kind = refused ? Accepted::Kind::refused : Accepted::Kind::exhausted;
    result.error = error;
  }
  refused.close();
  spare_ = open_spare();
  return result;
}

}  // namespace tombo::net
