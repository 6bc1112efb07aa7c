#include <algorithm>

#include "broker/core.h"

// What goes to the store, and what waits for it. With a store that keeps nothing, nothing is
// recorded.
namespace tombo::broker {
namespace {

/// Was what is under way queued before all that waits? Not when something was held back.
bool sends_in_order(const Session& session) {
  const mqtt::PacketId next = packet_id_of(session.next_sequence);
  uint32_t youngest = UINT16_MAX;
  for (const Delivery& sent : session.inflight) {
    youngest = std::min(youngest, ids_between(sent.packet_id, next));
  }
  return std::all_of(session.waiting.begin(), session.waiting.end(), [&](const Delivery& waiting) {
    return ids_between(waiting.packet_id, next) <= youngest;
  });
}

}  // namespace

/// A new operation of this turn's batch. Requires: keeps().
StoreOp& Core::record(StoreOp::Kind kind, const Session& session) {
  if (kind == StoreOp::Kind::session_delete) ended_in_ = batch_number_;
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
  // A session that is to end with its connection may have the end of its queue in the store yet.
  if (session.clean && session.paged == nullptr) {
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
    bool any = session.waiting.empty() ? session.paged != nullptr && session.paged->may_be_sent()
                                       : session.waiting.front().sent_before != 0;
    if (!any) any = !sends_in_order(session);
    kept->inflight = any ? kAnySent : static_cast<uint32_t>(session.inflight.size());
  }
  if (const StoredWill* will = session.will.get()) {
    kept->will = will->message;
    kept->will_delay_s = will->delay_s;
    if (will->has_expiry) kept->will_expiry_interval_s = will->expiry_interval_s;
  }
  record_promise(StoreOp::Kind::session_put, session).session = std::move(kept);
}

/// A message that was queued for a session. At QoS 2 it must not be sent before that is safe: after
/// a crash its packet id would stand for another message, which the client would take for this one.
void Core::record_queued(Session& session, Delivery& delivery, uint64_t sequence,
                         uint64_t decision) {
  StoreOp& op = record(StoreOp::Kind::queue_add, session);
  op.message = delivery.message;
  op.sequence = sequence;
  op.bits = static_cast<uint8_t>(delivery.qos_bits | delivery.retain << 2);
  if (delivery.has_extra()) {
    op.subscription_ids = extras_.at_index(delivery.extra_index())->subscription_ids;
  } else if (delivery.extra != 0) {
    op.subscription_ids = {delivery.extra};
  }
  if (delivery.qos() != mqtt::Qos::exactly_once) return;
  op.decision = decision;
  delivery.held = 1;
  const HeldDelivery held{sessions_.id_at(session.timer.owner), delivery.packet_id};
  if (decision != 0) {
    undecided_[decision].push_back(held);
  } else {
    unsafe_.push_back({batch_number_, held});
  }
}

/// All parts of a message that several shards store are settled with the token that this gives;
/// then the decision is made, and with it safe, `token` is settled.
AckToken Core::begin_decision(AckToken token, SessionId publisher, mqtt::PacketId id,
                              uint32_t parts) {
  const uint64_t decision =
      setup_.first_decision + decisions_++ * setup_.shards + setup_.shard.value();
  const auto [relay, facts] = relays_.emplace(Relay{.token = token,
                                                    .remaining = parts,
                                                    .decision = decision,
                                                    .publisher = publisher,
                                                    .packet_id = id});
  return {.connection = {relay.index, relay.generation},
          .shard = setup_.shard,
          .relay = true,
          .decision = decision};
}

/// Another shard stores a part of the message.
void Core::note_spread(AckToken token) {
  if (token.decision == 0 || token.shard != setup_.shard) return;
  relays_.at({token.connection.index, token.connection.generation}).spreads = true;
}

/// All shards have handed over what they store: it becomes safe before this does, or with it.
void Core::make_decision(const Relay& relay) {
  StoreOp& op = batch_ops_.emplace_back();
  op.kind = StoreOp::Kind::decide;
  op.decision = relay.decision;
  Session* publisher = sessions_.find(relay.publisher);
  if (publisher != nullptr &&
      std::ranges::find(publisher->received, relay.packet_id) != publisher->received.end()) {
    record_received(*publisher, relay.packet_id);
  }
  owed_.push_back({batch_number_, relay.token, relay.matched, relay.decision, relay.spreads});
}

void Core::on_decided(uint64_t decision) {
  const auto waiting = undecided_.extract(decision);
  if (waiting.empty()) return;
  for (const HeldDelivery& held : waiting.mapped()) let_go(held);
}

/// A delivery may be sent. It stands near the end of its queue as a rule.
void Core::let_go(const HeldDelivery& held) {
  Session* session = sessions_.find(held.session);
  if (session == nullptr) return;
  const auto look_in = [&](Ring<Delivery>& queue) {
    for (size_t i = queue.size(); i-- > 0;) {
      if (queue[i].held == 0 || queue[i].packet_id != held.packet_id) continue;
      queue[i].held = 0;
      return true;
    }
    return false;
  };
  if (look_in(session->pending) || look_in(session->waiting)) return mark_dirty(*session);
  if (session->replays != nullptr) look_in(session->replays->held);
}

/// Is done with a message of the session's queue.
void Core::record_done(const Session& session, mqtt::PacketId id) {
  if (!keeps() || session.store_key == 0) return;
  record(StoreOp::Kind::queue_done, session).packet_id = id.value();
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

/// What may not leave yet never will: the connection ends, and what comes behind need not wait.
void Core::drop_held(Connection& connection) {
  if (connection.control == nullptr || connection.holds == nullptr) return;
  connection.control->resize(free_control(connection));
  connection.holds.reset();
  if (connection.control->empty()) connection.control.reset();
}

void Core::on_committed(uint64_t number) {
  committed_ = number;
  while (!owed_.empty() && owed_.front().batch <= number) {
    const Owed owed = owed_.pop_front();
    if (owed.decision != 0) {
      on_decided(owed.decision);
      for (uint8_t shard = 0; owed.spreads && shard < setup_.shards; ++shard) {
        if (shard != setup_.shard.value()) send(ShardId(shard), mail::Decided{owed.decision});
      }
    }
    settle_now(owed.token, owed.matched);
  }
  while (!unsafe_.empty() && unsafe_.front().first <= number) let_go(unsafe_.pop_front().second);
  while (!held_.empty() && held_.front().batch <= number) {
    const ConnectionId id = held_.pop_front().connection;
    if (Connection* connection = connections_.find(id)) mark_dirty({id, *connection});
  }
}

}  // namespace tombo::broker
