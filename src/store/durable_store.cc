#include "store/durable_store.h"

#include <cstdint>
#include <utility>

#include "base/check.h"

namespace tombo::store {

DurableStore::DurableStore(std::unique_ptr<FrameStore> frames, Options options)
    : frames_(std::move(frames)),
      durability_(options.durability),
      state_(*frames_, {.queue_in_memory = options.queue_in_memory}),
      queue_(SIZE_MAX, SIZE_MAX),
      stopping_(0, 0) {}

DurableStore::~DurableStore() {
  stop();
}

void DurableStore::start(Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  thread_ = Thread("store", [this] { run(); });
  watch_thread_ = Thread("store-watch", [this] { watch(); });
}

void DurableStore::stop() {
  if (!thread_.joinable()) return;
  static_cast<void>(queue_.try_push(std::nullopt, 0));
  stopping_.close();
  frames_->stop_waiting();
  thread_.join();
  watch_thread_.join();
}

void DurableStore::submit(broker::StoreBatch batch) {
  // Once a commit has failed nobody takes it, and nobody is told that it is safe.
  static_cast<void>(queue_.try_push(std::move(batch), 0));
}

/// False: the end.
bool DurableStore::gather(Work work) {
  if (!work) return false;
  const size_t shard = work->shard.value();
  if (shard >= newest_.size()) newest_.resize(shard + 1);
  newest_[shard] = work->number;
  state_.add(std::move(*work));
  return true;
}

void DurableStore::run() {
  for (bool more = true; more;) {
    std::optional<Work> work = state_.has_reads() ? queue_.try_pop() : queue_.pop();
    for (; work && more; work = state_.is_full() ? std::nullopt : queue_.try_pop()) {
      more = gather(std::move(*work));
      if (!more) break;
    }
    if (queue_.is_closed()) return;  // A sync has failed.
    if (const Result<void> done = carry_out(); !done) return fail(done.error());
  }
}

/// Commits what was gathered, then some of what is to be read.
Result<void> DurableStore::carry_out() {
  if (state_.has_work()) {
    if (Result<void> done = state_.commit(); !done) return done;
    if (queue_.is_closed()) return {};
    tell();
  }
  if (Result<void> done = state_.read_pages(callbacks_.page); !done) return done;
  return state_.clean();
}

void DurableStore::watch() {
  bool is_full = false;
  Duration unsynced{0};
  while (!stopping_.wait_closed(kRoomInterval)) {
    const bool was_full = std::exchange(is_full, !frames_->has_room());
    if (is_full != was_full) callbacks_.full(is_full);
    unsynced += kRoomInterval;
    if (durability_ == Durability::fsync || unsynced < kSyncInterval) continue;
    unsynced = Duration(0);
    if (const Result<void> done = frames_->catch_up(); !done) return fail(done.error());
  }
}

void DurableStore::fail(const Error& error) {
  queue_.close();
  callbacks_.failed(error);
}

void DurableStore::tell() {
  for (size_t shard = 0; shard < newest_.size(); ++shard) {
    const uint64_t number = std::exchange(newest_[shard], 0);
    if (number == 0) continue;
    callbacks_.committed(broker::ShardId(static_cast<uint8_t>(shard)), number);
  }
}

}  // namespace tombo::store
