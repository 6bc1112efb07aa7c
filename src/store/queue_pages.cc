#include "store/queue_pages.h"

#include <utility>
#include <variant>
#include <vector>

namespace tombo::store {

broker::RestoredSession::Entry entry_of(const QueueEntry& entry,
                                        SharedRef<const mqtt::Message> message) {
  return {.sequence = entry.sequence,
          .message = std::move(message),
          .bits = static_cast<uint8_t>(mqtt::value(entry.qos) | (entry.retain ? 4U : 0U)),
          .subscription_ids = {entry.subscription_ids.begin(), entry.subscription_ids.end()}};
}

SharedRef<const mqtt::Message> message_of(const MessageRecord& record) {
  SharedRef<const mqtt::Message> message = mqtt::Message::make(record.parts);
  message->share_across_shards();
  return message;
}

namespace {

/// Finds what a record says of the queue of `session` at `sequence`; false if it says nothing.
/// `entry` lives as long as `queues`.
bool find_entry(QueueReader& queues, SessionNumber session, uint64_t sequence, QueueEntry& entry) {
  while (queues.next(entry)) {
    if (entry.session == session && entry.sequence == sequence) return true;
  }
  return false;
}

}  // namespace

Result<broker::QueuePage> QueuePages::read(const broker::QueueRead& wanted, size_t bytes_max) {
  broker::QueuePage page{.key = wanted.key, .reader = wanted.reader, .entries = {}};
  const size_t end = bytes_read_ + bytes_max;
  uint64_t from = wanted.from;
  while (page.entries.empty()) {
    const std::vector<FrameIndex::Entry> found = index_.entries(wanted.key, from, wanted.count);
    if (found.empty()) break;
    from = found.back().sequence + 1;
    for (const FrameIndex::Entry& each : found) {
      if (!each.place) continue;  // released: the broker has it in its window
      if (!page.entries.empty() && each.place->frame != frame_ && bytes_read_ >= end) break;
      const Result<MessageRecord> record = find(*each.place);
      if (!record) return record.error().with("frame", std::to_string(each.place->frame));
      QueueReader queues(*record);
      QueueEntry entry;
      if (!find_entry(queues, wanted.key, each.sequence, entry)) {
        return Error{"damaged: a message has lost a queue that it was in"};
      }
      if (index_.is_undecided(entry.decision)) return page;
      page.entries.push_back(entry_of(entry, message_of(*record)));
    }
  }
  return page;
}

Result<void> QueuePages::open(FrameNumber frame) {
  reader_.reset();
  Result<std::string> bytes = store_.read(frame);
  if (!bytes) return bytes.error();
  bytes_ = std::move(*bytes);
  bytes_read_ += bytes_.size();
  Result<FrameReader> reader = FrameReader::open(as_bytes(bytes_));
  if (!reader) return reader.error();
  frame_ = frame;
  reader_ = *reader;
  next_ = 0;
  return {};
}

Result<MessageRecord> QueuePages::find(FrameIndex::Place place) {
  if (reader_ && frame_ == place.frame && place.index + 1 == next_) return found_;
  if (!reader_ || frame_ != place.frame || place.index < next_) {
    if (const Result<void> opened = open(place.frame); !opened) return opened.error();
  }
  for (;;) {
    Result<std::optional<FrameRecord>> record = reader_->next();
    if (!record) return record.error();
    if (!record->has_value()) return Error{"damaged: it has fewer messages than it had"};
    const auto* message = std::get_if<MessageRecord>(&**record);
    if (message == nullptr || next_++ != place.index) continue;
    found_ = *message;
    return found_;
  }
}

}  // namespace tombo::store
