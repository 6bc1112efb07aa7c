#include "store/durable_state.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"
#include "store/frame_cleaning.h"
#include "store/message_coding.h"
#include "store/queue_pages.h"
#include "store/records.h"

namespace tombo::store {

using broker::StoreOp;

namespace {

/// Keys that the store is told of at a time.
constexpr broker::SessionKey kKeysAtOnce = 65'536;

}  // namespace

void DurableState::begin() {
  if (std::exchange(begun_, true)) return;
  frame_.begin();
  index_.begin_frame(next_frame_);
}

void DurableState::add(broker::StoreBatch batch) {
  DCHECK(!encoded_);
  for (const broker::QueueRead& read : batch.reads) reads_.push_back({batch.shard, read});
  begin();
  for (StoreOp& op : batch.ops) add(op);
}

void DurableState::add(StoreOp& op) {
  using Kind = Change::Kind;
  switch (op.kind) {
    case StoreOp::Kind::session_put:
      return put_session(op);
    case StoreOp::Kind::session_delete:
      return erase_session(op);
    case StoreOp::Kind::subscription_put:
      return change(Kind::put, Table::subscriptions, subscription_key(op.key, op.text),
                    encode_subscription(op.bits, op.number));
    case StoreOp::Kind::subscription_delete:
      return change(Kind::erase, Table::subscriptions, subscription_key(op.key, op.text));
    case StoreOp::Kind::queue_add:
      return queue(op);
    case StoreOp::Kind::decide:
      records_.emplace_back(DecidedRecord{op.decision});
      return index_.decide(op.decision);
    case StoreOp::Kind::queue_released:
      return release(op);
    case StoreOp::Kind::queue_done:
      return finish(op);
    case StoreOp::Kind::received_add:
      records_.emplace_back(ReceivedRecord{op.key, op.packet_id});
      return index_.add_received(op.key, op.packet_id);
    case StoreOp::Kind::received_delete:
      records_.emplace_back(ReceivedDoneRecord{op.key, op.packet_id});
      return index_.finish_received(op.key, op.packet_id);
    case StoreOp::Kind::retained_set:
      return change(Kind::put, Table::retained, std::string(op.message->topic()),
                    encode_retained(*op.message));
    case StoreOp::Kind::retained_delete:
      return change(Kind::erase, Table::retained, op.text);
  }
}

void DurableState::change(Change::Kind kind, Table table, std::string key, std::string value) {
  bytes_ += key.size() + value.size();
  commit_.changes.push_back({kind, table, std::move(key), std::move(value)});
}

void DurableState::put_session(const StoreOp& op) {
  if (!index_.has_session(op.key)) index_.add_session(op.key);
  if (op.key >= used_keys_) {
    // Messages of a session that has ended may stand in the log yet: its key is not used again.
    used_keys_ = op.key + kKeysAtOnce;
    change(Change::Kind::put, Table::sessions, session_key(kUsedKeys),
           encode_used_keys(used_keys_));
  }
  change(Change::Kind::put, Table::sessions, session_key(op.key), encode_session(*op.session));
}

void DurableState::erase_session(const StoreOp& op) {
  index_.erase_session(op.key);
  change(Change::Kind::erase, Table::sessions, session_key(op.key));
  change(Change::Kind::erase_prefix, Table::subscriptions, session_key(op.key));
}

/// Messages come in runs of one for many sessions, and from several shards in one commit.
uint32_t DurableState::index_of(const SharedRef<const mqtt::Message>& message) {
  if (!messages_.empty() && messages_.back().message.get() == message.get()) {
    return static_cast<uint32_t>(messages_.size() - 1);
  }
  const auto next = static_cast<uint32_t>(messages_.size());
  const auto [place, is_new] = places_.try_emplace(message.get(), next);
  if (is_new) {
    bytes_ += message->footprint();
    messages_.push_back({message, {}});
  }
  return place->second;
}

void DurableState::queue(StoreOp& op) {
  if (!index_.has_session(op.key)) return;  // it has ended in the meantime
  const uint32_t at = index_of(op.message);
  messages_[at].queues.add({.session = op.key,
                            .sequence = op.sequence,
                            .qos = static_cast<mqtt::Qos>(op.bits & 3),
                            .retain = (op.bits & 4) != 0,
                            .subscription_ids = op.subscription_ids,
                            .decision = op.decision});
  const bool fits = index_.add(op.key, op.sequence, written_again_ + at, op.decision);
  CHECK(fits, "a queue longer than the store can number");
}

void DurableState::finish(const StoreOp& op) {
  const auto sequence = index_.find(op.key, op.packet_id);
  if (!sequence) return;
  index_.finish(op.key, *sequence);
  records_.emplace_back(DoneRecord{op.key, *sequence});
}

void DurableState::release(const StoreOp& op) {
  const auto sequence = index_.find(op.key, op.packet_id);
  if (!sequence) return;
  const bool fits = index_.release(op.key, *sequence);
  CHECK(fits, "an entry that is there has a place");
  records_.emplace_back(ReleasedRecord{op.key, *sequence});
}

Result<void> DurableState::commit() {
  begin();
  if (!std::exchange(encoded_, true)) {
    for (const QueuedMessage& each : messages_) {
      frame_.add(parts_of(*each.message), each.queues);
    }
    for (const FrameRecord& record : records_) {
      std::visit(
          [this](const auto& each) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(each)>, MessageRecord>) {
              frame_.add(each);
            }
          },
          record);
    }
    const bool has_records = !frame_.empty();
    commit_.frame_bytes = frame_.finish();
    index_.end_frame(commit_.frame_bytes.size());
    const FrameIndex::Range dead = index_.take_dead();
    // What is dead before it is written need not be.
    const bool is_dead = dead.last > next_frame_;
    commit_.frame = has_records && !is_dead ? next_frame_ : 0;
    commit_.dead_first = dead.first;
    commit_.dead_last = std::min(dead.last, next_frame_);
  }
  if (!commit_.is_empty()) {
    if (Result<void> written = store_.commit(commit_); !written) return written;
  }
  ++next_frame_;
  begun_ = false;
  encoded_ = false;
  written_again_ = 0;
  commit_.clear();
  messages_.clear();
  places_.clear();
  records_.clear();
  bytes_ = 0;
  return {};
}

Result<void> DurableState::clean() {
  DCHECK(!begun_);
  const auto front = index_.worth_cleaning() ? index_.front() : std::nullopt;
  if (!front) return {};
  const Result<std::string> bytes = store_.read(*front);
  if (!bytes) return bytes.error();
  begin();
  const Result<uint32_t> written = write_living_again(*front, as_bytes(*bytes), index_, frame_);
  if (!written) return written.error();
  written_again_ = *written;
  return {};
}

Result<void> DurableState::read_pages(const OnPage& on_page) {
  DCHECK(!begun_);
  QueuePages pages(store_, index_);
  while (!reads_.empty() && pages.bytes_read() < kReadBytesMax) {
    const Read read = reads_.front();
    reads_.pop_front();
    Result<broker::QueuePage> page = pages.read(read.wanted, kReadBytesMax / 4);
    if (!page) return page.error();
    on_page(read.shard, std::make_unique<broker::QueuePage>(std::move(*page)));
  }
  return {};
}

}  // namespace tombo::store
