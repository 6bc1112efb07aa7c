#include "broker/core.h"

// What goes to the store, and what waits for it. With a store that keeps nothing, nothing is
// recorded.
namespace tombo::broker {

/// A new operation of this turn's batch. Requires: keeps().
StoreOp& Core::record(StoreOp::Kind kind, const Session& session) {
  StoreOp& op = batch_ops_.emplace_back();
  op.kind = kind;
  op.key = session.store_key;
  return op;
}

/// The same, for what the client is told of: see hold_control().
StoreOp& Core::record_promise(StoreOp::Kind kind, Session& session) {
  session.safe_after = batch_number_;
  return record(kind, session);
}

/// The session itself, when it outlives its connection.
void Core::record_session(Session& session) {
  if (!keeps()) return;
  if (session.clean) {
    if (session.store_key != 0) record_promise(StoreOp::Kind::session_delete, session);
    session.store_key = 0;
    return;
  }
  if (session.store_key == 0) {
    session.store_key =
        setup_.first_session_key + sessions_stored_++ * setup_.shards + setup_.shard.value();
  }
  auto kept = std::make_unique<SessionRecord>();
  kept->client_id = session.client_id;
  kept->user_name = session.user_name;
  kept->expiry_interval_s = session.expiry_interval_s;
  kept->listener = session.listener;
  kept->next_sequence = session.next_sequence;
  if (!session.online()) {
    kept->disconnected_at_ms = now_.wall_ms - (now_.time - session.offline_since).count();
    const bool any = session.waiting.empty()
                         ? session.paged != nullptr && session.paged->may_be_sent()
                         : session.waiting.front().sent_before != 0;
    kept->inflight = any ? kAnySent : static_cast<uint32_t>(session.inflight.size());
  }
  if (const StoredWill* will = session.will.get()) {
    kept->will = will->message;
    kept->will_delay_s = will->delay_s;
    if (will->has_expiry) kept->will_expiry_interval_s = will->expiry_interval_s;
  }
  record_promise(StoreOp::Kind::session_put, session).session = std::move(kept);
}

/// A message that was queued for a session.
void Core::record_queued(Session& session, const Delivery& delivery, uint64_t sequence) {
  StoreOp& op = record(StoreOp::Kind::queue_add, session);
  op.message = delivery.message;
  op.sequence = sequence;
  op.bits = static_cast<uint8_t>(delivery.qos_bits | delivery.retain << 2);
  if (delivery.has_extra()) {
    op.subscription_ids = extras_.at_index(delivery.extra_index())->subscription_ids;
  } else if (delivery.extra != 0) {
    op.subscription_ids = {delivery.extra};
  }
}

/// Is done with a message of the session's queue.
void Core::record_done(const Session& session, mqtt::PacketId id) {
  if (!keeps() || session.store_key == 0) return;
  record(StoreOp::Kind::queue_done, session).packet_id = id.value();
}

/// The same for one that is not the oldest of its id.
void Core::record_dropped(const Session& session, uint64_t sequence) {
  record(StoreOp::Kind::queue_dropped, session).sequence = sequence;
}

/// What is written to `peer` next waits until all that its client is told of is safe; so does what
/// comes behind it, but no PUBLISH.
void Core::hold_control(Peer peer, const Session& session) {
  if (session.safe_after <= committed_) return;
  auto& holds = peer.connection.holds;
  if (holds == nullptr) holds = std::make_unique<std::vector<ControlHold>>();
  if (!holds->empty() && holds->back().batch >= session.safe_after) return;
  const Buffer* control = peer.connection.control.get();
  holds->push_back({control == nullptr ? 0 : control->size(), session.safe_after});
  held_.push_back({session.safe_after, peer.id});
}

/// Bytes of the control packets that may leave.
size_t Core::free_control(Connection& connection) const {
  if (connection.control == nullptr) return 0;
  if (connection.holds == nullptr) return connection.control->size();
  std::erase_if(*connection.holds,
                [this](const ControlHold& hold) { return hold.batch <= committed_; });
  if (!connection.holds->empty()) return connection.holds->front().offset;
  connection.holds.reset();
  return connection.control->size();
}

void Core::on_committed(uint64_t number) {
  committed_ = number;
  while (!owed_.empty() && owed_.front().batch <= number) {
    const Owed owed = owed_.pop_front();
    settle_now(owed.token, owed.matched);
  }
  while (!held_.empty() && held_.front().batch <= number) {
    const ConnectionId id = held_.pop_front().connection;
    if (Connection* connection = connections_.find(id)) mark_dirty({id, *connection});
  }
}

}  // namespace tombo::broker
