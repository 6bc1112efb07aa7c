#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "broker/ports/store.h"
#include "store/frame_index.h"
#include "store/frame_store.h"

namespace tombo::store {

/// Turns what shards record into commits, and what a FrameStore has into what a restart needs.
/// Knows nothing of threads and clocks: the committer's thread and simulations drive it alike.
/// ```
/// state.load(post_session, post_retained);
/// state.add(batch); state.add(other); state.commit();   // again and again
/// state.read_pages(post_page); state.clean();           // after each commit
/// ```
class DurableState {
 public:
  using OnSession = std::function<void(broker::RestoredSession)>;
  using OnRetained = std::function<void(SharedRef<const mqtt::Message>)>;

  using OnQueued = std::function<void(SessionNumber, broker::RestoredSession::Entry)>;
  using OnPage = std::function<void(broker::ShardId, std::unique_ptr<broker::QueuePage>)>;

  /// What tests make small.
  struct Limits {
    /// load() gives that many messages of each queue, and all that were sent when its session was
    /// disconnected; of the rest it tells how much it is.
    size_t queue_in_memory = SIZE_MAX;
    /// As for FrameIndex.
    uint64_t small_log = FrameIndex::kSmallLog;
  };

  /// `store` outlives it.
  explicit DurableState(FrameStore& store) : DurableState(store, Limits{}) {}

  DurableState(FrameStore& store, const Limits& limits)
      : store_(store), queue_in_memory_(limits.queue_in_memory), index_(limits.small_log) {}

  DurableState(const DurableState&) = delete;
  DurableState& operator=(const DurableState&) = delete;
  ~DurableState() = default;

  /// Once, before anything else: reads the store. Error: it is damaged; nothing of it may be used.
  Result<void> load(const OnSession& on_session, const OnRetained& on_retained);

  /// All entries of all queues in the order of the log, those of one message in a row. Requires:
  /// load(), and nothing since. Error: as of load().
  Result<void> for_each_queued(const OnQueued& on_queued);

  /// Beyond the keys of all sessions that there have ever been.
  [[nodiscard]] broker::SessionKey next_session_key() const { return next_key_; }

  /// The same for decisions.
  [[nodiscard]] uint64_t next_decision() const { return index_.next_decision(); }

  /// Takes a batch into the next commit. Requires: !is_full(), and the last commit() succeeded.
  void add(broker::StoreBatch batch);

  /// Is the next commit so large that no more should be taken into it?
  [[nodiscard]] bool is_full() const {
    return messages_.size() >= kMessagesMax || bytes_ >= kBytesMax;
  }

  /// Writes what was added. Error: as of FrameStore::commit(); it may be called again.
  Result<void> commit();

  /// Are there reads of batches that were added?
  [[nodiscard]] bool has_reads() const { return !reads_.empty(); }

  /// Answers reads until kReadBytesMax were read for them, but one. Requires: all is committed.
  /// Error: a frame cannot be read, or is damaged.
  Result<void> read_pages(const OnPage& on_page);

  /// When the log is long and little of it lives: begins the next commit with what lives in its
  /// oldest frame, which frees that. Requires: all is committed. Error: as of read_pages().
  Result<void> clean();

  /// Is there something to commit, be it only what was written again to free the log?
  [[nodiscard]] bool has_work() const { return begun_; }

  static constexpr size_t kMessagesMax = 4096;
  static constexpr size_t kBytesMax = size_t{1} << 20;
  /// For this long commits wait at most for reads: a few milliseconds.
  static constexpr size_t kReadBytesMax = size_t{4} << 20;

  [[nodiscard]] const FrameIndex& index() const { return index_; }

 private:
  struct QueuedMessage {
    SharedRef<const mqtt::Message> message;
    QueueList queues;
  };

  using Sessions = std::unordered_map<SessionNumber, broker::RestoredSession>;

  struct Read {
    broker::ShardId shard;
    broker::QueueRead wanted;
  };

  void begin();
  void add(broker::StoreOp& op);
  void put_session(const broker::StoreOp& op);
  void erase_session(const broker::StoreOp& op);
  void queue(broker::StoreOp& op);
  void finish(const broker::StoreOp& op);
  void release(const broker::StoreOp& op);
  uint32_t index_of(const SharedRef<const mqtt::Message>& message);
  void change(Change::Kind kind, Table table, std::string key, std::string value = {});

  Result<void> load_sessions(Sessions& sessions);
  Result<void> load_queues(Sessions& sessions);

  FrameStore& store_;
  size_t queue_in_memory_;
  std::deque<Read> reads_;
  FrameIndex index_;
  FrameNumber next_frame_ = 1;
  broker::SessionKey next_key_ = 1;
  broker::SessionKey used_keys_ = 1;  // As the store knows it.

  // The commit that is being put together.
  bool begun_ = false;
  bool encoded_ = false;
  Commit commit_;
  FrameWriter frame_;
  uint32_t written_again_ = 0;  // Messages in frame_, before messages_.
  std::vector<QueuedMessage> messages_;
  std::unordered_map<const mqtt::Message*, uint32_t> places_;  // In messages_.
  std::vector<FrameRecord> records_;                           // Behind the messages.
  size_t bytes_ = 0;
};

}  // namespace tombo::store
