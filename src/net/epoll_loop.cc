#include "net/epoll_loop.h"

#include <algorithm>
#include <climits>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"

namespace tombo::net {
namespace {

// No connection, listener or lingering socket has this tag: see server/shard.cc.
constexpr uint64_t kWakeTag = UINT64_MAX;

uint32_t epoll_bits(Interest interest) {
  const auto bits = static_cast<unsigned>(interest);
  return ((bits & 1) != 0 ? uint32_t{EPOLLIN} : 0) | ((bits & 2) != 0 ? uint32_t{EPOLLOUT} : 0);
}

int timeout_ms(std::optional<Duration> timeout) {
  if (!timeout) return -1;
  return static_cast<int>(std::clamp<Duration::rep>(timeout->count(), 0, INT_MAX));
}

}  // namespace

EpollLoop::EpollLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      buffers_(std::make_unique<Buffers>()) {
  CHECK(epoll_ && wake_, "cannot create an event loop");
  epoll_event event{};
  // Edge-triggered, so the counter never has to be read back: each write is one edge.
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = kWakeTag;
  const int done = ::epoll_ctl(epoll_.descriptor(), EPOLL_CTL_ADD, wake_.descriptor(), &event);
  CHECK(done == 0, "cannot watch the wake-up descriptor");
}

bool EpollLoop::add(int descriptor, uint64_t tag, Interest interest) {
  DCHECK(tag != kWakeTag);
  epoll_event event{};
  event.events = epoll_bits(interest);
  event.data.u64 = tag;
  return ::epoll_ctl(epoll_.descriptor(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void EpollLoop::change(int descriptor, uint64_t tag, Interest interest) {
  epoll_event event{};
  event.events = epoll_bits(interest);
  event.data.u64 = tag;
  const int done = ::epoll_ctl(epoll_.descriptor(), EPOLL_CTL_MOD, descriptor, &event);
  CHECK(done == 0, "descriptor is not watched");
}

void EpollLoop::remove(int descriptor) {
  const int done = ::epoll_ctl(epoll_.descriptor(), EPOLL_CTL_DEL, descriptor, nullptr);
  CHECK(done == 0, "descriptor is not watched");
}

std::span<const Event> EpollLoop::wait(std::optional<Duration> timeout) {
  // Errors are EINTR alone (the arguments are right), and then there is nothing to do.
  const int count = ::epoll_wait(epoll_.descriptor(), buffers_->raw.data(),
                                 static_cast<int>(kEventsMax), timeout_ms(timeout));
  size_t kept = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& raw = buffers_->raw[static_cast<size_t>(i)];
    if (raw.data.u64 == kWakeTag) continue;
    Event& event = buffers_->events[kept++];
    event.tag = raw.data.u64;
    event.readable = (raw.events & EPOLLIN) != 0;
    event.writable = (raw.events & EPOLLOUT) != 0;
    event.broken = (raw.events & (EPOLLERR | EPOLLHUP)) != 0;
  }
  return {buffers_->events.data(), kept};
}

void EpollLoop::wake() noexcept {
  const uint64_t one = 1;
  // Fails only when the counter is about to pass 2^64.
  [[maybe_unused]] const ssize_t written = ::write(wake_.descriptor(), &one, sizeof one);
}

}  // namespace tombo::net
