#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "broker/mail.h"
#include "broker/ports/store.h"
#include "store/durable_state.h"
#include "store/frame_store_in_memory.h"

namespace tombo::sim {

/// What a broker finds when it starts.
struct Found {
  std::vector<broker::RestoredSession> sessions;
  std::vector<SharedRef<const mqtt::Message>> retained;
  broker::SessionKey next_session_key = 1;
  uint64_t next_decision = 1;
};

/// The product's frames over a disk that forgets what was not synced. Takes the part of
/// store/durable_store.cc, whose thread it cuts into steps: gather batches and write them, sync,
/// tell. The process may die between any two of them.
class Disk final : public broker::Store {
 public:
  /// `small_log`: from this size on the log is cleaned, in bytes.
  /// `queue_in_memory` as of DurableState.
  Disk(bool keeps, uint64_t small_log, size_t queue_in_memory);
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  ~Disk() override;

  [[nodiscard]] bool keeps() const override { return keeps_; }

  void submit(broker::StoreBatch batch) override;

  /// Is there something to write or to sync?
  [[nodiscard]] bool has_work() const {
    return !is_down_ && (written_ || !waiting_.empty() || state_->has_reads());
  }

  /// What shards are told: which batches are safe, and what they asked to read.
  using Mails = std::vector<std::pair<unsigned, broker::Mail>>;
  /// The next step of the committer. Nobody is told of a commit before its sync.
  Mails step(Random& random);

  /// The sync after the next `count - 1` fails, and with it the process; 0: none does.
  void fail_sync(uint64_t count) { syncs_left_ = count; }

  /// A write or a sync failed: the process may not go on.
  [[nodiscard]] bool is_down() const { return is_down_; }

  [[nodiscard]] uint64_t syncs() const { return syncs_; }

  /// The power goes. What was written and not synced survives, is lost, or survives in part.
  void crash(Random& random);
  /// Reads what a start does. Error: it says that it is damaged.
  Result<Found> load();
  /// Reads everything, to look at it.
  Result<Found> look();
  /// Damages a frame of a copy, and reads that. Empty, or what was read as if it were good.
  [[nodiscard]] std::string read_damaged(Random& random);

  /// What was written and makes no sense: empty, or the reason.
  [[nodiscard]] const std::string& nonsense() const { return nonsense_; }

  /// What is left: empty, or the first thing found.
  [[nodiscard]] std::string leftovers();

 private:
  class Frames;

  void gather(Random& random);
  Mails sync();
  void read_pages(Mails& mails);

  bool keeps_;
  uint64_t small_log_;
  size_t queue_in_memory_;
  bool is_down_ = false;
  bool written_ = false;     ///< a commit is written and not synced
  uint64_t syncs_ = 0;       ///< so far
  uint64_t syncs_left_ = 0;  ///< until one fails; 0: none does
  std::deque<broker::StoreBatch> waiting_;
  std::vector<uint64_t> taken_;   ///< the last batch, by shard
  std::vector<uint64_t> newest_;  ///< in the commit that is written, by shard; 0: none
  std::unique_ptr<Frames> frames_;
  std::unique_ptr<store::DurableState> state_;
  std::string nonsense_;
};

}  // namespace tombo::sim
