#include "net/socket.h"

#include <unistd.h>

namespace tombo::net {

void Socket::close() noexcept {
  // Not repeated on EINTR: Linux has freed the descriptor by then, another thread may have it.
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

}  // namespace tombo::net
