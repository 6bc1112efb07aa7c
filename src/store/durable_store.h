#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "base/sync/thread.h"
#include "base/sync/work_queue.h"
#include "base/time.h"
#include "broker/ports/store.h"
#include "store/durable_state.h"
#include "store/frame_store.h"

namespace tombo::store {

/// The store of a broker with persistence: one thread commits what all shards record. While a
/// commit is under way the next batches gather, and go together; so there are as many commits as
/// the disk takes, and as many messages in one as come in its time.
/// Home: the control thread; submit() is for any.
/// Bound: batches wait as long as shards have acknowledgements to give that wait for them.
class DurableStore final : public broker::Store {
 public:
  /// What the committer's thread tells.
  struct Callbacks {
    /// All batches of a shard up to this one are safe.
    std::function<void(broker::ShardId, uint64_t number)> committed;
    /// A page that a shard has asked for.
    std::function<void(broker::ShardId, std::unique_ptr<broker::QueuePage>)> page = {};
    /// A write or fsync failed, and it is not known what is on the disk: nothing is committed any
    /// more. May come twice.
    std::function<void(const Error&)> failed;
    /// The disk is full (true), or has room again. Until then shards should record only what frees
    /// some. What waits is committed when there is room; nothing is lost.
    std::function<void(bool)> full = [](bool /*is_full*/) {};
  };

  struct Options {
    Durability durability = Durability::fsync;
    size_t queue_in_memory = SIZE_MAX;  ///< as of DurableState
  };

  explicit DurableStore(std::unique_ptr<FrameStore> frames) : DurableStore(std::move(frames), {}) {}

  DurableStore(std::unique_ptr<FrameStore> frames, Options options);
  DurableStore(const DurableStore&) = delete;
  DurableStore& operator=(const DurableStore&) = delete;
  ~DurableStore() override;

  /// Before start(): see DurableState::load().
  Result<void> load(const DurableState::OnSession& on_session,
                    const DurableState::OnRetained& on_retained) {
    return state_.load(on_session, on_retained);
  }

  [[nodiscard]] broker::SessionKey next_session_key() const { return state_.next_session_key(); }

  [[nodiscard]] uint64_t next_decision() const { return state_.next_decision(); }

  void start(Callbacks callbacks);
  /// Ends the threads when all that was submitted is safe, or a commit has failed; for which it is
  /// enough now that the disk is full.
  void stop();

  /// With Durability::os and none: the longest time until what was committed is synced.
  static constexpr Duration kSyncInterval{1000};
  /// How often the room on the disk is looked at.
  static constexpr Duration kRoomInterval{250};

  [[nodiscard]] bool keeps() const override { return true; }

  void submit(broker::StoreBatch batch) override;

 private:
  /// What to do next; nullopt: there is no more.
  using Work = std::optional<broker::StoreBatch>;

  void run();
  void watch();
  void fail(const Error& error);
  [[nodiscard]] bool gather(Work work);
  Result<void> carry_out();
  void tell();

  std::unique_ptr<FrameStore> frames_;
  Durability durability_;
  DurableState state_;
  Callbacks callbacks_;
  WorkQueue<Work> queue_;
  WorkQueue<bool> stopping_;      // Closed when the threads are to end.
  std::vector<uint64_t> newest_;  // Batches in the commit under way, by shard; 0: none.
  Thread thread_;
  Thread
      watch_thread_;  // Looks after the room on the disk, and syncs with Durability::os and none.
};

}  // namespace tombo::store
