#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/time.h"

namespace tombo::net {

/// What a descriptor is watched for.
enum class Interest : uint8_t { none = 0, read = 1, write = 2, read_write = 3 };

[[nodiscard]] constexpr Interest interest_of(bool read, bool write) {
  return static_cast<Interest>((read ? 1 : 0) | (write ? 2 : 0));
}

/// A descriptor that is ready, named by the tag it was added with.
struct Event {
  uint64_t tag = 0;
  bool readable = false;  ///< Bytes, the end of the stream or a connection to accept.
  bool writable = false;
  bool broken = false;  ///< Reset or ended both ways; told whatever the interest is.
};

/// Waits until descriptors are ready. Level-triggered: what is left unread is told again.
/// Home: one thread, but wake().  Bound: kEventsMax events a wait, the others come next time.
/// ```
/// loop.add(socket.descriptor(), tag, Interest::read);
/// for (const Event& event : loop.wait(std::nullopt)) handle(event);
/// ```
class Loop {
 public:
  static constexpr size_t kEventsMax = 512;

  Loop() = default;
  virtual ~Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// False: the kernel has no room for one more.
  [[nodiscard]] virtual bool add(int descriptor, uint64_t tag, Interest interest) = 0;
  virtual void change(int descriptor, uint64_t tag, Interest interest) = 0;
  virtual void remove(int descriptor) = 0;

  /// Waits for events, for wake() or for the time-out; nullopt: no time-out. The events stay valid
  /// until the next call; there may be none.
  virtual std::span<const Event> wait(std::optional<Duration> timeout) = 0;

  /// From any thread: ends the wait() under way, or the next one.
  virtual void wake() noexcept = 0;
};

}  // namespace tombo::net
