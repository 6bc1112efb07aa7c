#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "broker/ack_queue.h"
#include "broker/ids.h"

namespace tombo::broker {

/// QoS 2 messages whose connection ended before every shard had settled them. Their packet ids
/// stand in the session, so a client that comes back and sends one again is not routed a second
/// time [MQTT-4.3.3-10]; yet its PUBREC has to wait until what came first has settled. Empty unless
/// the store keeps. Bound: AckQueue::kPlacesMax for each connection that ended, gone when the store
/// has committed.
class OrphanedAcks {
 public:
  /// Takes over what has not settled in the queue of a connection that ends.
  void adopt(ConnectionId connection, SessionId session, const AckQueue& acks) {
    acks.for_each([&](uint32_t number, const AckQueue::Place& place) {
      if (!place.received || place.remaining == 0) return;
      const PlaceKey key{connection, number};
      const MessageKey message{session, place.packet_id};
      places_.emplace(key, Orphan{message, place.remaining, place.matched, {}});
      newest_[message] = key;
    });
  }

  [[nodiscard]] bool contains(SessionId session, mqtt::PacketId id) const {
    return newest_.contains({session, id});
  }

  /// The message that contains() knows was sent again: `waiting` is settled when it is.
  void wait(SessionId session, mqtt::PacketId id, AckToken waiting) {
    places_.at(newest_.at({session, id})).waiting = waiting;
  }

  struct Settled {
    AckToken waiting;
    bool matched = false;  ///< did any shard have a subscriber?
  };

  /// One shard has settled a place. Returns who waits for it once the last one has.
  std::optional<Settled> settle(AckToken token, bool matched) {
    const auto at = places_.find({token.connection, token.place});
    if (at == places_.end()) return std::nullopt;
    Orphan& orphan = at->second;
    orphan.matched |= matched;
    if (--orphan.remaining != 0) return std::nullopt;
    const Settled settled{orphan.waiting, orphan.matched};
    const auto newest = newest_.find(orphan.message);
    if (newest != newest_.end() && newest->second == at->first) newest_.erase(newest);
    places_.erase(at);
    return settled.waiting ? std::optional(settled) : std::nullopt;
  }

 private:
  using PlaceKey = std::pair<ConnectionId, uint32_t>;
  using MessageKey = std::pair<SessionId, mqtt::PacketId>;

  struct Orphan {
    MessageKey message;
    uint8_t remaining = 0;  ///< shards that have not settled
    bool matched = false;
    AckToken waiting;
  };

  std::map<PlaceKey, Orphan> places_;
  std::map<MessageKey, PlaceKey> newest_;  // A client may come back twice meanwhile.
};

}  // namespace tombo::broker
