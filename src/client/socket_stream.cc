#include "client/socket_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>

namespace tombo::client {
namespace {

using Kind = Stream::Moved::Kind;

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { ::freeaddrinfo(addresses); }
};

using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

/// Null: `error` says why.
Addresses resolve(const std::string& host, uint16_t port, Error& error) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string service = port == 0 ? "" : std::to_string(port);
  const int result =
      ::getaddrinfo(host.c_str(), port == 0 ? nullptr : service.c_str(), &hints, &found);
  if (result == 0) return Addresses(found);
  error = {.kind = ErrorKind::network,
           .text = result == EAI_SYSTEM ? std::strerror(errno) : "Lookup error."};
  return nullptr;
}

/// The first address of this end of that family.
bool bind_to(int descriptor, int family, const std::string& address, Error& error) {
  const Addresses own = resolve(address, 0, error);
  for (const addrinfo* at = own.get(); at != nullptr; at = at->ai_next) {
    if (at->ai_family != family) continue;
    if (::bind(descriptor, at->ai_addr, at->ai_addrlen) == 0) return true;
    error = network_error(errno);
    return false;
  }
  if (own) error = network_error(EADDRNOTAVAIL);
  return false;
}

/// Null: `error` says why.
std::unique_ptr<SocketStream> connect_to(const sockaddr* address, socklen_t size,
                                         const Target& target, const Patience& patience,
                                         Error& error) {
  const int family = address->sa_family;
  const int descriptor = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    error = network_error(errno);
    return nullptr;
  }
  auto stream = std::make_unique<SocketStream>(net::Socket(descriptor));
  const int on = 1;
  if (target.no_delay && family != AF_UNIX) {
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (!target.bind_address.empty() && family != AF_UNIX &&
      !bind_to(descriptor, family, target.bind_address, error)) {
    return nullptr;
  }
  if (::connect(descriptor, address, size) == 0) return stream;
  if (errno != EINPROGRESS) {
    error = network_error(errno);
    return nullptr;
  }
  if (error = patience.wait(descriptor, true); error) return nullptr;
  int failed = 0;
  socklen_t length = sizeof failed;
  ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failed, &length);
  if (failed == 0) return stream;
  error = network_error(failed);
  return nullptr;
}

Opened open_unix(const Target& target, const Patience& patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (target.unix_path.size() >= sizeof address.sun_path) {
    return {.stream = nullptr, .error = network_error(ENAMETOOLONG)};
  }
  std::ranges::copy(target.unix_path, address.sun_path);
  Opened opened;
  opened.stream = connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address, target,
                             patience, opened.error);
  return opened;
}

}  // namespace

Stream::Moved SocketStream::read(std::span<uint8_t> into) {
  const ssize_t count = ::recv(descriptor(), into.data(), into.size(), 0);
  if (count > 0) return {Kind::done, static_cast<size_t>(count), {}};
  if (count == 0) return {Kind::ended, 0, {}};
  if (errno == EAGAIN || errno == EINTR) return {Kind::blocked, 0, {}};
  return {Kind::failed, 0, network_error(errno)};
}

Stream::Moved SocketStream::write(std::span<const uint8_t> bytes) {
  const ssize_t count = ::send(descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count >= 0) return {Kind::done, static_cast<size_t>(count), {}};
  if (errno == EAGAIN || errno == EINTR) return {Kind::blocked, 0, {}};
  return {Kind::failed, 0, network_error(errno)};
}

Opened open_socket(const Target& target, const Patience& patience) {
  if (!target.unix_path.empty()) return open_unix(target, patience);
  const bool by_proxy = target.proxy.has_value();
  Opened opened;
  const Addresses addresses = resolve(by_proxy ? target.proxy->host : target.host,
                                      by_proxy ? target.proxy->port : target.port, opened.error);
  for (const addrinfo* at = addresses.get();
       at != nullptr && !opened.stream && opened.error.kind != ErrorKind::ended; at = at->ai_next) {
    opened.stream = connect_to(at->ai_addr, at->ai_addrlen, target, patience, opened.error);
  }
  if (!opened.stream) return opened;
  opened.error = {};
  if (by_proxy) opened.error = ask_proxy(*opened.stream, target, patience);
  if (opened.error) opened.stream.reset();
  return opened;
}

}  // namespace tombo::client
