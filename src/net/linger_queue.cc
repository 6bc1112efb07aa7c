#include "net/linger_queue.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <sys/socket.h>
#include <utility>

namespace tombo::net {
namespace {

/// Throws away what has come. False: the peer has ended its side, or worse.
bool discard(int descriptor) {
  std::array<std::byte, size_t{16} * 1024> bytes;  // NOLINT(*-member-init): nobody reads it.
  const ssize_t count = ::recv(descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count > 0) return true;
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

}  // namespace

void LingerQueue::add(Socket socket, Time now) {
  if (!socket || !discard(socket.descriptor())) return;
  if (sockets_.size() == kSocketsMax) sockets_.erase(sockets_.begin());
  const uint32_t number = ++last_number_;
  const uint64_t tag = uint64_t{tag_kind_} << 32 | number;
  if (!loop_.add(socket.descriptor(), tag, Interest::read)) return;
  sockets_.insert_or_assign(number, Entry{std::move(socket), now + kTime});
}

void LingerQueue::on_event(uint64_t tag) {
  const auto found = sockets_.find(static_cast<uint32_t>(tag));
  if (found == sockets_.end() || discard(found->second.socket.descriptor())) return;
  // Closing it takes it out of the loop as well.
  sockets_.erase(found);
}

void LingerQueue::expire(Time now) {
  while (!sockets_.empty() && sockets_.begin()->second.deadline <= now) {
    sockets_.erase(sockets_.begin());
  }
}

std::optional<Time> LingerQueue::next_deadline() const {
  if (sockets_.empty()) return std::nullopt;
  return sockets_.begin()->second.deadline;
}

}  // namespace tombo::net
