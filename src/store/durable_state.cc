#include "store/durable_state.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"
#include "store/frame_cleaning.h"
#include "store/message_coding.h"
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
                            .subscription_ids = op.subscription_ids});
  const bool fits = index_.add(op.key, op.sequence, written_again_ + at);
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
  if (Result<void> written = store_.commit(commit_); !written) return written;
  ++next_frame_;
  begun_ = false;
  encoded_ = false;
  written_again_ = 0;
  commit_.clear();
  messages_.clear();
  places_.clear();
  records_.clear();
  bytes_ = 0;
  if (index_.worth_cleaning()) return clean();
  return {};
}

/// The next commit begins with what lives in the oldest frame.
Result<void> DurableState::clean() {
  const auto front = index_.front();
  if (!front) return {};
  const Result<std::string> bytes = store_.read(*front);
  if (!bytes) return bytes.error();
  begin();
  const Result<uint32_t> written = write_living_again(*front, as_bytes(*bytes), index_, frame_);
  if (!written) return written.error();
  written_again_ = *written;
  return {};
}

Result<void> DurableState::load(const OnSession& on_session, const OnRetained& on_retained) {
  bool sensible = true;
  Result<void> retained =
      store_.scan(Table::retained, [&](std::string_view /*topic*/, std::string_view value) {
        SharedRef<const mqtt::Message> message = decode_retained(value);
        sensible = static_cast<bool>(message);
        if (sensible) on_retained(std::move(message));
        return sensible;
      });
  if (!retained) return retained;
  if (!sensible) return Error{"damaged: a retained message makes no sense"};
  Sessions sessions;
  if (Result<void> loaded = load_sessions(sessions); !loaded) return loaded;
  if (Result<void> loaded = load_queues(sessions); !loaded) return loaded;
  for (auto& [key, session] : sessions) {
    std::ranges::sort(session.queue, {}, &broker::RestoredSession::Entry::sequence);
    session.received = index_.received(key);
    on_session(std::move(session));
  }
  return {};
}

Result<void> DurableState::load_sessions(Sessions& sessions) {
  bool sensible = true;
  Result<void> found =
      store_.scan(Table::sessions, [&](std::string_view key, std::string_view value) {
        const auto number = session_of(key);
        if (number == kUsedKeys) {
          const auto end = decode_used_keys(value);
          next_key_ = used_keys_ = end.value_or(0);
          sensible = end.has_value();
          return sensible;
        }
        auto record = decode_session(value);
        sensible = number && record;
        if (!sensible) return false;
        broker::RestoredSession& session = sessions[*number];
        session.key = *number;
        session.record = std::move(*record);
        index_.add_session(*number);
        return true;
      });
  if (!found) return found;
  Result<void> filters =
      store_.scan(Table::subscriptions, [&](std::string_view key, std::string_view value) {
        const auto number = session_of(key);
        broker::RestoredSession::Subscription subscription;
        sensible = sensible && number &&
                   decode_subscription(value, subscription.options, subscription.identifier);
        if (!sensible) return false;
        const auto session = sessions.find(*number);
        if (session == sessions.end()) return true;
        subscription.filter = filter_of(key);
        session->second.subscriptions.push_back(std::move(subscription));
        return true;
      });
  if (!filters) return filters;
  if (!sensible) return Error{"damaged: a session or subscription makes no sense"};
  return {};
}

namespace {

/// Gives the message of a record to the queues in which it lives.
void queue_living(const MessageRecord& record, FrameIndex::Place place, const FrameIndex& index,
                  std::unordered_map<SessionNumber, broker::RestoredSession>& sessions) {
  SharedRef<const mqtt::Message> message;
  QueueReader queues(record);
  for (QueueEntry entry; queues.next(entry);) {
    if (!index.lives(entry, place)) continue;
    if (!message) {
      message = mqtt::Message::make(record.parts);
      message->share_across_shards();
    }
    const auto bits = static_cast<uint8_t>(mqtt::value(entry.qos) | (entry.retain ? 4U : 0U));
    sessions.at(entry.session)
        .queue.push_back(
            {.sequence = entry.sequence,
             .message = message,
             .bits = bits,
             .subscription_ids = {entry.subscription_ids.begin(), entry.subscription_ids.end()}});
  }
}

/// What of a whole frame lives.
Result<void> queue_living(FrameNumber number, Bytes frame, const FrameIndex& index,
                          std::unordered_map<SessionNumber, broker::RestoredSession>& sessions) {
  Result<FrameReader> reader = FrameReader::open(frame);
  if (!reader) return reader.error();
  FrameIndex::Place place{number, 0};
  for (;;) {
    const Result<std::optional<FrameRecord>> record = reader->next();
    if (!record) return record.error();
    if (!record->has_value()) return {};
    if (const auto* message = std::get_if<MessageRecord>(&**record)) {
      queue_living(*message, place, index, sessions);
      ++place.index;
    } else if (const auto* released = std::get_if<ReleasedRecord>(&**record)) {
      if (!index.is_released_in(released->session, released->sequence, number)) continue;
      sessions.at(released->session)
          .queue.push_back({.sequence = released->sequence,
                            .message = {},
                            .bits = mqtt::value(mqtt::Qos::exactly_once),
                            .subscription_ids = {}});
    }
  }
}

}  // namespace

Result<void> DurableState::load_queues(Sessions& sessions) {
  Result<void> done;
  const auto each_frame = [&](const auto& f) {
    const Result<void> scanned =
        store_.scan_frames([&](FrameNumber number, std::string_view frame) {
          done = f(number, as_bytes(frame));
          if (!done) done = done.error().with("frame", std::to_string(number));
          return static_cast<bool>(done);
        });
    if (!scanned) done = scanned;
  };
  // First what lives where, then the messages themselves.
  each_frame([&](FrameNumber number, Bytes frame) {
    next_frame_ = number + 1;
    return index_.apply(number, frame);
  });
  if (!done) return done;
  each_frame([&](FrameNumber number, Bytes frame) {
    return queue_living(number, frame, index_, sessions);
  });
  return done;
}

}  // namespace tombo::store
