#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/sync/shared_ref.h"
#include "broker/ids.h"
#include "mqtt/message.h"
#include "mqtt/types.h"

namespace tombo::broker {

/// The packet id of a QoS 1 or 2 message by its number in its session: 1 to 65535 in turn. So it is
/// known when the message is queued, and the same after a restart.
[[nodiscard]] constexpr mqtt::PacketId packet_id_of(uint64_t sequence) {
  return mqtt::PacketId(static_cast<uint16_t>(sequence % UINT16_MAX + 1));
}

/// Names a session in the store: the same over restarts and for any number of shards, and never
/// used again. Not 0.
using SessionKey = uint64_t;

inline constexpr uint32_t kAnySent = UINT32_MAX;

/// A session that outlives its connection, as it is kept.
struct SessionRecord {
  std::string client_id;
  std::string user_name;
  uint32_t expiry_interval_s = 0;
  uint16_t listener = 0;           ///< of its last connection
  int64_t disconnected_at_ms = 0;  ///< wall clock; 0: it is connected
  /// When disconnected: how many of its queue were sent before; kAnySent: nobody knows.
  uint32_t inflight = 0;
  uint64_t next_sequence = 0;           ///< of what is queued next
  SharedRef<const mqtt::Message> will;  ///< null: none
  uint32_t will_delay_s = 0;
  std::optional<uint32_t> will_expiry_interval_s;
};

/// The end of a session's queue when it is in the store alone: all QoS 1 and 2 messages from a
/// sequence on.
struct StoredQueue {
  uint64_t from = 0;   ///< the sequence of its first message, or less
  uint64_t bytes = 0;  ///< of payload
  uint32_t count = 0;
};

/// A session as a restart finds it.
struct RestoredSession {
  struct Subscription {
    std::string filter;  ///< shared ones with "$share/GROUP/"
    uint8_t options = 0;
    uint32_t identifier = 0;
  };

  struct Entry {
    uint64_t sequence = 0;
    SharedRef<const mqtt::Message> message;  ///< null: released, only the id is needed yet
    uint8_t bits = 0;                        ///< as of queue_add
    std::vector<uint32_t> subscription_ids;
  };

  SessionKey key = 0;
  SessionRecord record;
  std::vector<Subscription> subscriptions;
  std::vector<uint16_t> received;  ///< QoS 2 ids that must not be routed again
  std::vector<Entry> queue;        ///< by sequence
  StoredQueue rest;                ///< what follows `queue`
};

/// Asks for messages of a session's queue.
struct QueueRead {
  SessionKey key = 0;
  SessionId reader;    ///< in the answer
  uint64_t from = 0;   ///< the first sequence that is wanted
  uint32_t count = 0;  ///< messages at most; there may be fewer
};

/// The answer: messages in their order, all that there are from the first wanted to the last given.
/// None: a decision (StoreOp::decision) on the first is still to be made, ask again.
struct QueuePage {
  SessionKey key = 0;
  SessionId reader;
  std::vector<RestoredSession::Entry> entries;
};

/// One change to durable state. Which fields count follows from `kind`.
struct StoreOp {
  enum class Kind : uint8_t {
    session_put,          ///< key, session
    session_delete,       ///< key
    subscription_put,     ///< key, text = filter, number = subscription id, bits = options byte
    subscription_delete,  ///< key, text = filter
    /// key, sequence, message, bits = QoS and retain flag, subscription_ids, decision; with a
    /// decision it counts only if that is made
    queue_add,
    decide,           ///< decision
    queue_released,   ///< key, packet_id: PUBREC has come, only the id is needed yet
    queue_done,       ///< key, packet_id: of the oldest entry that has it
    received_add,     ///< key, packet_id: a QoS 2 id that must not be routed again
    received_delete,  ///< key, packet_id
    retained_set,     ///< message
    retained_delete,  ///< text = topic
  };
  Kind kind{};
  uint8_t bits = 0;
  uint16_t packet_id = 0;
  uint32_t number = 0;
  SessionKey key = 0;
  uint64_t sequence = 0;
  uint64_t decision = 0;  ///< 0: none
  SharedRef<const mqtt::Message> message;
  std::string text{};
  std::unique_ptr<SessionRecord> session{};
  std::vector<uint32_t> subscription_ids{};
};

/// All durable changes of one turn of one shard, to be committed together and in order.
struct StoreBatch {
  ShardId shard;
  uint64_t number = 0;  ///< counts up by one from 1 for each shard
  std::vector<StoreOp> ops;
  std::vector<QueueRead> reads;  ///< answered when the batch is safe
};

/// Where durable state is kept. Owned by the server, called on shards at the end of a turn.
class Store {
 public:
  virtual ~Store() = default;
  /// Does the store want batches at all? Without it nothing is recorded, and every
  /// acknowledgement leaves at once. Constant over the store's life.
  [[nodiscard]] virtual bool keeps() const = 0;
  /// Takes a batch; never blocks. When it is safe, Committed{number} mail goes to its shard, and
  /// later a QueuePage for each of its reads.
  /// Batches become safe in the order in which they were submitted, those of all shards together.
  virtual void submit(StoreBatch batch) = 0;
};

}  // namespace tombo::broker
