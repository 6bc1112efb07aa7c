#include "net/tcp.h"

#include <cerrno>
#include <sys/socket.h>
#include <utility>

#include "base/check.h"

namespace tombo::net {
namespace {

IoResult failure() {
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    return {.kind = IoResult::Kind::blocked};
  }
  return {.kind = IoResult::Kind::failed, .error = errno};
}

}  // namespace

TcpTransport::TcpTransport(Socket socket) : socket_(std::move(socket)) {
  DCHECK(static_cast<bool>(socket_));
}

IoResult TcpTransport::read(std::span<uint8_t> into) {
  const ssize_t count = ::recv(socket_.descriptor(), into.data(), into.size(), 0);
  if (count > 0) return {.count = static_cast<size_t>(count)};
  if (count == 0) return {.kind = IoResult::Kind::ended};
  return failure();
}

IoResult TcpTransport::write(std::span<const iovec> slices) {
  msghdr message{};
  // sendmsg does not write to the slices; its type is older than const.
  message.msg_iov = const_cast<iovec*>(slices.data());
  message.msg_iovlen = slices.size();
  const ssize_t count = ::sendmsg(socket_.descriptor(), &message, MSG_NOSIGNAL);
  if (count < 0) return failure();
  return {.count = static_cast<size_t>(count)};
}

Socket TcpTransport::finish() {
  // Fails when the peer is gone already; then there is nothing to tell.
  ::shutdown(socket_.descriptor(), SHUT_WR);
  return std::exchange(socket_, Socket());
}

}  // namespace tombo::net
