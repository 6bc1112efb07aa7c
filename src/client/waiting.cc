#include "client/waiting.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>

namespace tombo::client {

using Kind = Stream::Moved::Kind;

Error network_error(int number) {
  return {.kind = ErrorKind::network, .text = std::strerror(number)};
}

Error Patience::wait(int descriptor, bool to_write) const {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end_ - std::chrono::steady_clock::now());
    std::array<pollfd, 2> wanted{
        pollfd{descriptor, static_cast<short>(to_write ? POLLOUT : POLLIN), 0},
        pollfd{cancel_, POLLIN, 0}};
    const int found =
        ::poll(wanted.data(), wanted.size(), static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (found < 0 && errno == EINTR) continue;
    if (found <= 0) return network_error(ETIMEDOUT);
    if (wanted[1].revents != 0) return {.kind = ErrorKind::ended, .text = "given up"};
    return {};
  }
}

Error Patience::write_all(Stream& stream, std::span<const uint8_t> bytes) const {
  while (!bytes.empty()) {
    const Stream::Moved moved = stream.write(bytes);
    if (moved.kind == Kind::failed) return moved.error;
    if (moved.kind == Kind::ended) return network_error(ECONNRESET);
    if (moved.kind == Kind::done) {
      bytes = bytes.subspan(moved.count);
    } else if (Error failed = wait(stream.descriptor(), true)) {
      return failed;
    }
  }
  return {};
}

Error Patience::read_all(Stream& stream, std::span<uint8_t> into) const {
  while (!into.empty()) {
    const Stream::Moved moved = stream.read(into);
    if (moved.kind == Kind::failed) return moved.error;
    if (moved.kind == Kind::ended) return network_error(ECONNRESET);
    if (moved.kind == Kind::done) {
      into = into.subspan(moved.count);
    } else if (Error failed = wait(stream.descriptor(), false)) {
      return failed;
    }
  }
  return {};
}

}  // namespace tombo::client
