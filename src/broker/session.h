#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/leaky_bucket.h"
#include "base/ring.h"
#include "base/time.h"
#include "base/timer_wheel.h"
#include "broker/allowed_topics.h"
#include "broker/delivery.h"
#include "broker/ids.h"
#include "broker/ports/store.h"
#include "broker/refusal.h"
#include "broker/topic_tree.h"
#include "mqtt/types.h"

namespace tombo::broker {

/// Session Expiry Interval that means "never" (section 3.1.2.11.2).
inline constexpr uint32_t kNeverExpires = UINT32_MAX;

/// A will kept for its client, as a message ready to publish.
struct StoredWill {
  SharedRef<const mqtt::Message> message;
  uint32_t delay_s = 0;
  uint32_t expiry_interval_s = 0;  ///< counted from publishing; valid with has_expiry
  bool has_expiry = false;
};

/// One subscription of a session: where it stands in the tree.
struct SessionSubscription {
  TopicTree::Leaf leaf = TopicTree::kNone;
  uint32_t position = 0;  ///< among the leaf's subscribers
};

/// A shared subscription of a session: the group's home knows the rest.
struct SharedMembership {
  std::string name;  ///< "GROUP/FILTER"
  ShardId home;
};

/// A replay of retained messages that a new subscription asked for.
struct Replay {
  std::string filter;
  uint8_t options = 0;
  uint32_t subscription_id = 0;
  uint32_t request = 0;      ///< echoed in pages; 0: at rest, its connection is gone
  uint32_t held_before = 0;  ///< of Replays::held: what came live before the subscription
  uint32_t subscribing = 0;  ///< the SUBSCRIBE whose SUBACK waits for the first page; 0: none
  ShardId shard{};           ///< asked now
  uint8_t shards_left = 0;   ///< to ask after it
  bool own_filter = true;    ///< `filter` is the subscription's; else a topic that it matches
  bool waiting = false;      ///< a page is under way
  bool begun = false;        ///< a page of `shard` has come
  ReplayId cursor{};         ///< for the next page, when none is under way
  /// Hashes of topics that came live while a page is under way: an older value must not follow.
  std::vector<uint64_t> seen{};
};

/// The replays of a session, and the live messages that wait for their end, so that retained
/// messages come first.
struct Replays {
  std::vector<Replay> list;  ///< under way; bound: kReplaysActive
  Ring<Replay> later;        ///< their turn comes; none while there is room in `list`
  Ring<Delivery> held;       ///< counted as queued; bound: kReplayHeldMax, then `overtaking`
  bool overtaking = false;   ///< too many came live: they are no longer held
};

/// What a client has sent of its rates, and the time when it is read again.
/// Lives from the first packet that a rate counts.
struct ClientRates {
  LeakyBucket messages;
  LeakyBucket bytes;
  Timer timer;
};

/// The end of a durable session's queue, when it is long: in the store, and not in memory.
/// Never empty.
struct PagedQueue {
  StoredQueue stored;
  uint64_t sent_to = 0;  ///< those before this sequence may have been sent by an earlier run
  bool reading = false;  ///< a page is under way

  [[nodiscard]] bool may_be_sent() const { return stored.from < sent_to; }
};

/// What outlives a connection (section 4.1): subscriptions, windows, queues, will, expiry.
/// Home: home(client id). Bounds: max_queued_messages / max_queued_bytes on queues, the client's
/// receive maximum and max_inflight_messages on the window.
struct Session {
  std::string client_id;
  std::string user_name;
  uint64_t client_hash = 0;
  ConnectionId connection;  ///< none: offline
  Timer timer;              ///< session expiry or will delay, whichever comes first
  Time offline_since{};
  uint32_t expiry_interval_s = 0;
  uint16_t listener = 0;  ///< of the last connection
  std::vector<SessionSubscription> subscriptions;
  std::unique_ptr<std::vector<SharedMembership>> shared;
  std::unique_ptr<Replays> replays;
  std::unique_ptr<StoredWill> will;
  std::unique_ptr<ClientRates> rates;  ///< with a limit on rates

  /// Deliveries in the order they came; QoS 1 and 2 that found the window full move to `waiting`.
  Ring<Delivery> pending;
  Ring<Delivery> waiting;
  std::unique_ptr<PagedQueue> paged;  ///< what follows `waiting`; null: nothing
  /// QoS 1 and 2 under way, in the order they were sent. The first `resent` of them were sent on
  /// this connection; the rest is to be sent again.
  Ring<Delivery> inflight;
  /// QoS 2 ids of PUBLISHes that were routed and whose PUBREL has not come.
  Ring<mqtt::PacketId> received;
  uint64_t queued_bytes = 0;  ///< payload bytes of pending, waiting and paged
  uint64_t inflight_bytes = 0;
  uint32_t queued_acknowledged = 0;  ///< QoS 1 and 2 in pending, waiting and paged
  uint32_t resent = 0;
  uint64_t stamp = 0;  ///< last message matched, to merge overlapping subscriptions
  uint32_t stamp_slot = 0;
  uint32_t next_request = 0;   ///< numbers replays and joins
  uint64_t next_sequence = 0;  ///< of QoS 1 and 2 messages queued: packet_id_of() follows from it
  bool ids_mixed = false;      ///< `inflight` is not in the order of ids
  bool drop_logged = false;    ///< "messages dropped" is said once per congestion
  std::unique_ptr<AllowedTopics> allowed;  ///< with an authorizer
  std::unique_ptr<LoggedRefusals> refusals;
  bool danger_logged = false;  ///< its name was refused, which is said once
  bool clean = true;           ///< ends with its connection
  SessionKey store_key = 0;    ///< 0: the store does not know it
  uint64_t safe_after = 0;     ///< the batch that makes safe what the client is told of

  [[nodiscard]] bool online() const { return static_cast<bool>(connection); }

  /// Are there QoS 1 and 2 messages that go before what comes now?
  [[nodiscard]] bool has_waiting() const { return !waiting.empty() || paged != nullptr; }

  [[nodiscard]] bool has_work() const {
    return !pending.empty() || !waiting.empty() || resent < inflight.size();
  }
};

}  // namespace tombo::broker
