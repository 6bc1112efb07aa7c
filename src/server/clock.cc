#include "server/clock.h"

namespace tombo::server {

Now read_clock() {
  using std::chrono::duration_cast;
  const auto steady = std::chrono::steady_clock::now().time_since_epoch();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {Time(duration_cast<Duration>(steady)), duration_cast<Duration>(wall).count()};
}

std::chrono::nanoseconds read_stopwatch() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

}  // namespace tombo::server
