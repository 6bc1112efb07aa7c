#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>

#include "store/durable_state.h"
#include "store/queue_pages.h"
#include "store/records.h"

// What a restart finds in the store.
namespace tombo::store {

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
        // A number that may be given out again would take up what another session left in the log.
        const bool is_key = number && key == session_key(*number);
        sensible = is_key && *number < next_key_ && record;
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

using Sessions = std::unordered_map<SessionNumber, broker::RestoredSession>;

/// A session while its queue is being found.
void note(broker::RestoredSession& session, uint64_t sequence) {
  session.record.next_sequence = std::max(session.record.next_sequence, sequence + 1);
}

/// Gives what of a record lives to `f`, and the record.
template <class F>
void for_each_living(const MessageRecord& record, FrameIndex::Place place, const FrameIndex& index,
                     F&& f) {
  QueueReader queues(record);
  for (QueueEntry entry; queues.next(entry);) {
    if (index.lives(entry, place)) f(entry, record);
  }
}

/// The same for a whole frame; `on_released` gets what has no message any more.
template <class F, class OnReleased>
Result<void> for_each_living(FrameNumber number, Bytes frame, const FrameIndex& index, F&& f,
                             OnReleased&& on_released) {
  Result<FrameReader> reader = FrameReader::open(frame);
  if (!reader) return reader.error();
  FrameIndex::Place place{number, 0};
  for (;;) {
    const Result<std::optional<FrameRecord>> record = reader->next();
    if (!record) return record.error();
    if (!record->has_value()) return {};
    if (const auto* message = std::get_if<MessageRecord>(&**record)) {
      for_each_living(*message, place, index, f);
      ++place.index;
    } else if (const auto* released = std::get_if<ReleasedRecord>(&**record)) {
      if (index.is_released_in(released->session, released->sequence, number))
        on_released(*released);
    }
  }
}

/// The message of the record that was asked for last: one goes into many queues.
class LastMessage {
 public:
  const SharedRef<const mqtt::Message>& of(const MessageRecord& record) {
    if (std::exchange(record_, record.queues.data()) != record.queues.data()) {
      message_ = message_of(record);
    }
    return message_;
  }

 private:
  const uint8_t* record_ = nullptr;
  SharedRef<const mqtt::Message> message_;
};

broker::RestoredSession::Entry released_entry(uint64_t sequence) {
  return {.sequence = sequence,
          .message = {},
          .bits = mqtt::value(mqtt::Qos::exactly_once),
          .subscription_ids = {}};
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
  // First what lives where, then the messages themselves: those that go into memory.
  each_frame([&](FrameNumber number, Bytes frame) -> Result<void> {
    if (number == 0 || number > FrameIndex::kFrameMax) return Error{"damaged: not its number"};
    next_frame_ = number + 1;
    return index_.apply(number, frame);
  });
  if (!done) return done;
  for (const FrameIndex::Undecided& entry : index_.drop_undecided()) {
    records_.emplace_back(DoneRecord{entry.session, entry.sequence});
    records_.emplace_back(DecidedRecord{entry.decision});
    const auto session = sessions.find(entry.session);
    // What is queued next may stand in the same frame as the record.
    if (session != sessions.end()) note(session->second, entry.sequence);
  }
  for (auto& [key, session] : sessions) {
    const uint32_t sent = session.record.inflight;
    // Without a limit this is beyond all numbers.
    const size_t behind = queue_in_memory_ + (sent == broker::kAnySent ? 0 : sent);
    session.rest.from = index_.sequence_after(key, behind < queue_in_memory_ ? SIZE_MAX : behind);
  }
  each_frame([&](FrameNumber number, Bytes frame) {
    LastMessage message;
    return for_each_living(
        number, frame, index_,
        [&](const QueueEntry& entry, const MessageRecord& record) {
          broker::RestoredSession& session = sessions.at(entry.session);
          note(session, entry.sequence);
          if (entry.sequence >= session.rest.from) {
            ++session.rest.count;
            session.rest.bytes += record.parts.payload.size();
          } else {
            session.queue.push_back(entry_of(entry, message.of(record)));
          }
        },
        [&](const ReleasedRecord& released) {
          broker::RestoredSession& session = sessions.at(released.session);
          note(session, released.sequence);
          session.queue.push_back(released_entry(released.sequence));
        });
  });
  return done;
}

Result<void> DurableState::for_each_queued(const OnQueued& on_queued) {
  Result<void> done;
  const Result<void> scanned = store_.scan_frames([&](FrameNumber number, std::string_view frame) {
    LastMessage message;
    done = for_each_living(
        number, as_bytes(frame), index_,
        [&](const QueueEntry& entry, const MessageRecord& record) {
          on_queued(entry.session, entry_of(entry, message.of(record)));
        },
        [&](const ReleasedRecord& released) {
          on_queued(released.session, released_entry(released.sequence));
        });
    return static_cast<bool>(done);
  });
  return scanned ? done : scanned;
}

}  // namespace tombo::store
