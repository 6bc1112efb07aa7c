#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/sync/shared_ref.h"
#include "broker/ids.h"
#include "mqtt/message.h"

namespace tombo::broker {

/// Names a session in the store, the same over restarts and for any number of shards.
using SessionKey = uint64_t;

/// One change to durable state. Which fields count follows from `kind`.
struct StoreOp {
  enum class Kind : uint8_t {
    session_put,          ///< key, text = client id, number = expiry interval in seconds
    session_delete,       ///< key
    subscription_put,     ///< key, text = filter, number = subscription id, bits = options byte
    subscription_delete,  ///< key, text = filter
    queue_add,            ///< key, message, bits = QoS of delivery and retain flag
    queue_done,           ///< key, message
    received_add,         ///< key, packet_id: a QoS 2 id that must not be routed again
    received_delete,      ///< key, packet_id
    retained_set,         ///< message
    retained_delete,      ///< text = topic
  };
  Kind kind{};
  uint8_t bits = 0;
  uint16_t packet_id = 0;
  uint32_t number = 0;
  SessionKey key = 0;
  SharedRef<const mqtt::Message> message;
  std::string text;
};

/// All durable changes of one turn of one shard, to be committed together and in order.
struct StoreBatch {
  ShardId shard;
  uint64_t number = 0;  ///< counts up by one from 1 for each shard
  std::vector<StoreOp> ops;
};

/// Where durable state is kept. Owned by the server, called on shards at the end of a turn.
class Store {
 public:
  virtual ~Store() = default;
  /// Does the store want batches at all? Without it nothing is recorded, and every
  /// acknowledgement leaves at once. Constant over the store's life.
  [[nodiscard]] virtual bool keeps() const = 0;
  /// Takes a batch; never blocks. When it is safe, Committed{number} mail goes to its shard.
  virtual void submit(StoreBatch batch) = 0;
};

}  // namespace tombo::broker
