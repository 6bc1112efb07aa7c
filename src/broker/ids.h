#pragma once

#include <cstdint>

#include "base/slab.h"
#include "base/strong_id.h"

namespace tombo::broker {

/// Index of a shard: 0 to 62. Bit 63 of masks is the cluster's.
using ShardId = StrongId<struct ShardIdTag, uint8_t>;
inline constexpr unsigned kShardsMax = 63;

/// A connection or session of one shard: slab index and generation, so a stale id is found out.
/// Means nothing on another shard.
using ConnectionId = SlabId<struct ConnectionTag>;
using SessionId = SlabId<struct SessionTag>;
/// A shared subscription group of its home shard.
using GroupId = SlabId<struct GroupTag>;
/// A replay of retained messages under way on the shard that holds them.
using ReplayId = SlabId<struct ReplayTag>;

/// A session anywhere: which shard, and which there.
struct SessionRef {
  ShardId shard;
  SessionId session;
  bool operator==(const SessionRef&) const = default;
};

/// A place in a publisher's queue of owed acknowledgements; goes with a publish to every shard that
/// must settle it and comes back in `Settled`. Default: nobody waits.
struct AckToken {
  ConnectionId connection;
  uint32_t place = 0;
  ShardId shard;
  bool relay = false;     ///< `connection` names a Relay: a shard that itself waits for others
  uint64_t decision = 0;  ///< what is stored counts when this is made (Relay); 0: at once

  explicit operator bool() const { return static_cast<bool>(connection); }
};

}  // namespace tombo::broker
