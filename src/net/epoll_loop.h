#pragma once

#include <array>
#include <memory>
#include <sys/epoll.h>

#include "net/loop.h"
#include "net/socket.h"

namespace tombo::net {

/// Loop over epoll; wake() over an eventfd.
class EpollLoop final : public Loop {
 public:
  /// Aborts when the process cannot have two more descriptors.
  EpollLoop();

  [[nodiscard]] bool add(int descriptor, uint64_t tag, Interest interest) override;
  void change(int descriptor, uint64_t tag, Interest interest) override;
  void remove(int descriptor) override;
  std::span<const Event> wait(std::optional<Duration> timeout) override;
  void wake() noexcept override;

 private:
  struct Buffers {
    std::array<epoll_event, kEventsMax> raw{};
    std::array<Event, kEventsMax> events{};
  };

  Socket epoll_;
  Socket wake_;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace tombo::net
