#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "broker/ports/store.h"

namespace tombo::sim {

/// What a session has on the disk.
struct SessionOnDisk {
  std::string client_id;
  std::set<std::string> filters;
  std::set<std::string> queued;  ///< payloads of all messages that were ever queued for it
};

/// A store in memory that forgets what was not synced when it crashes. Batches of one shard become
/// safe in their order; those of different shards in any.
class Disk final : public broker::Store {
 public:
  Disk(bool keeps, unsigned shards) : keeps_(keeps), waiting_(shards) {}

  [[nodiscard]] bool keeps() const override { return keeps_; }

  void submit(broker::StoreBatch batch) override;

  /// Shards that have batches which are not safe yet.
  [[nodiscard]] std::vector<unsigned> unsynced() const;
  /// Makes at least one batch of the shard safe, perhaps more; returns the last one's number.
  uint64_t sync(unsigned shard, Random& random);
  /// The power goes: what is not safe is gone.
  void crash();

  /// What is safe, by client id.
  [[nodiscard]] std::map<std::string, const SessionOnDisk*> sessions() const;

  /// The payload of a safe retained message; null: none.
  [[nodiscard]] const std::string* retained(const std::string& topic) const;

  /// What was written and makes no sense: empty, or the reason.
  [[nodiscard]] const std::string& nonsense() const { return nonsense_; }

 private:
  void apply(unsigned shard, const broker::StoreOp& op);

  using Key = std::pair<unsigned, broker::SessionKey>;

  bool keeps_;
  std::vector<std::deque<broker::StoreBatch>> waiting_;  ///< by shard
  std::vector<uint64_t> taken_;
  std::map<Key, SessionOnDisk> sessions_;
  std::map<std::string, std::string> retained_;
  std::string nonsense_;
};

}  // namespace tombo::sim
