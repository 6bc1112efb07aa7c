#include <algorithm>
#include <utility>

#include "base/check.h"
#include "broker/core.h"
#include "broker/limits.h"

// The end of a long queue is in the store alone, and comes back in pages. Only QoS 1 and 2 messages
// of sessions that outlive their connection are there, each of them from when it is queued; so
// nothing is written to page one out.
namespace tombo::broker {

using mqtt::Qos;

/// Does what is queued for the session next go to the store alone?
bool Core::is_paged_next(const Session& session) const {
  if (session.paged != nullptr) return true;
  if (session.clean || session.store_key == 0 || !keeps()) return false;
  // What a group gave goes back to it when the session ends, and the store does not know whence:
  // that is lost only for a session that joins when its queue is long, or after a restart.
  if (session.shared != nullptr && !session.shared->empty()) return false;
  // What is held back stays in memory, and comes behind.
  if (session.replays != nullptr && !session.replays->held.empty()) return false;
  const QueueLimits& limits = setup_.queue_limits;
  return session.waiting.size() >= limits.in_memory ||
         (!session.waiting.empty() && session.queued_bytes > limits.bytes_in_memory);
}

/// Puts a QoS 1 or 2 delivery that was counted behind all others that wait. All that is paged is
/// younger than all in memory, so that pages bring back the former and no more: paging begins with
/// the youngest delivery there is, with none behind it, and from then on all go to the store.
void Core::add_waiting(Session& session, Delivery delivery) {
  const uint64_t youngest = session.next_sequence - 1;
  // What was held back for a replay may stand in `pending` behind what is younger.
  const auto is_last = [&session] {
    for (size_t i = 0; i < session.pending.size(); ++i) {
      if (session.pending[i].qos() != Qos::at_most_once) return false;
    }
    return true;
  };
  const bool begins = session.paged == nullptr && is_paged_next(session) &&
                      delivery.packet_id == packet_id_of(youngest) && is_last();
  if (session.paged == nullptr && !begins) {
    session.waiting.push_back(std::move(delivery));
    return;
  }
  if (begins) {
    session.paged = std::make_unique<PagedQueue>();
    session.paged->stored.from = youngest;
  }
  StoredQueue& stored = session.paged->stored;
  ++stored.count;
  stored.bytes += delivery.message->payload_size();
  held_bytes_ -= delivery.message->footprint();
  release_extra(extras_, delivery);
}

/// What has found no time to leave waits, except QoS 0.
void Core::rest_pending(Session& session) {
  Ring<Delivery> kept;
  while (!session.pending.empty()) {
    Delivery delivery = session.pending.pop_front();
    if (delivery.qos() == Qos::at_most_once) {
      kept.push_back(std::move(delivery));
    } else {
      add_waiting(session, std::move(delivery));
    }
  }
  session.pending = std::move(kept);
}

/// Asks for a page when little is left in memory for a client that is there.
void Core::want_page(Session& session) {
  if (session.paged == nullptr || session.paged->reading || !session.online()) return;
  if (session.waiting.size() > setup_.queue_limits.in_memory / 2) return;
  session.paged->reading = true;
  // By mail, for it may be too late for this turn's batch.
  send(setup_.shard, mail::ReadQueue{sessions_.find(session.client_id)});
}

void Core::on_read_queue(const mail::ReadQueue& wanted) {
  const Session* session = sessions_.find(wanted.session);
  if (session == nullptr || session->paged == nullptr) return;
  batch_reads_.push_back({.key = session->store_key,
                          .reader = wanted.session,
                          .from = session->paged->stored.from,
                          .count = setup_.queue_limits.page});
}

void Core::on_queue_page(QueuePage& page) {
  Session* session = sessions_.find(page.reader);
  if (session == nullptr || session->store_key != page.key || session->paged == nullptr) return;
  StoredQueue& stored = session->paged->stored;
  session->paged->reading = false;
  CHECK(page.entries.size() <= stored.count, "what is paged is not in memory");
  for (RestoredSession::Entry& entry : page.entries) {
    Delivery delivery = restored_delivery(entry);
    delivery.sent_before = entry.sequence < session->paged->sent_to ? 1 : 0;
    stored.from = entry.sequence + 1;
    stored.bytes -= delivery.message->payload_size();
    --stored.count;
    held_bytes_ += delivery.message->footprint();
    // As for what waits in memory when a client comes back.
    if (may(*session, Refused::delivery, delivery.message->topic())) {
      session->waiting.push_back(std::move(delivery));
    } else {
      forget(*session, delivery);
    }
  }
  if (stored.count == 0) {
    session->paged.reset();
    if (session->clean) record_session(*session);
  }
  mark_dirty(*session);
}

/// The session ends, and the store forgets its queue.
void Core::forget_paged(Session& session) {
  if (session.paged == nullptr) return;
  const StoredQueue& stored = session.paged->stored;
  held_messages_ -= stored.count;
  session.queued_bytes -= stored.bytes;
  session.queued_acknowledged -= stored.count;
  session.paged.reset();
}

}  // namespace tombo::broker
