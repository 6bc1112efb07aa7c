#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tombo::sim {

/// One thing that is done to a world. What exactly follows from its own seed, so that an event
/// means the same when others are left out.
struct Event {
  enum class Kind : uint8_t {
    connect,
    connect_clean,
    disconnect,
    drop,
    publish,
    publish_many,
    subscribe,
    meet,  ///< a retained message is published while somebody subscribes to its topic, a new one
    unsubscribe,
    ping,
    lazy,       ///< keeps acknowledgements back
    busy,       ///< sends them again
    slow,       ///< reads little for a while
    vandal,     ///< somebody sends what is not MQTT
    pass_time,  ///< a little
    long_time,  ///< longer than a keep-alive
    reload,
    crash,
    calm,  ///< everything under way comes to its end
  };
  Kind kind{};
  uint32_t client = 0;
  uint64_t seed = 0;
};

std::string_view name(Event::Kind kind);

/// A world before anything has happened.
struct Plan {
  uint64_t seed = 0;
  unsigned shards = 1;
  uint32_t clients = 0;
  bool store_keeps = false;
  bool duplicates = false;
  bool upgrades = false;
  bool short_queues = false;
  bool queue_qos0 = false;
  bool is_v2_0 = false;
  bool short_replays = false;     ///< pages of a message or two, little is held back meanwhile
  bool is_narrow = false;         ///< all that happens is about a topic or two, mostly retained
  std::vector<unsigned> windows;  ///< max_inflight_messages, the first at the start
  unsigned steps = 0;             ///< at most so many between two events
  uint64_t small_log = 0;         ///< from so many bytes on the log of frames is cleaned
  bool short_memory = false;      ///< of queues a few messages are in memory, the rest on the disk
  uint64_t cut_at = 0;            ///< the sync that fails, and the process with it; 0: none does
  std::vector<Event> events;
};

/// Everything follows from the seed. `cut_at`: instead of other crashes.
Plan make_plan(uint64_t seed, uint64_t cut_at = 0);

}  // namespace tombo::sim
