#include "client/wake.h"

#include <cstdint>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"

namespace tombo::client {

Wake::Wake() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(event_.descriptor() >= 0);
}

void Wake::set() const {
  const uint64_t one = 1;
  // A counter that is full wakes as well.
  static_cast<void>(::write(event_.descriptor(), &one, sizeof one) < 0);
}

void Wake::clear() const {
  uint64_t count = 0;
  static_cast<void>(::read(event_.descriptor(), &count, sizeof count) < 0);
}

}  // namespace tombo::client
