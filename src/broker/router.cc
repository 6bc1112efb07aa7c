#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "broker/core.h"
#include "broker/limits.h"

// A message's way from its publisher to queues: which shards, which sessions there, and who answers
// for it. The encoding comes later, when sockets can take it (writer.cc).
namespace tombo::broker {

using mqtt::Message;
using mqtt::Qos;

/// A message without a publisher that waits for an answer: wills, $SYS.
void Core::publish(const SharedRef<const Message>& message) {
  static_cast<void>(route(message, nullptr, {}));
}

/// Sends a message to every shard that may want it. Returns whether anybody might have it, or
/// nullopt when `place` was opened in the publisher's queue because shards have yet to settle.
std::optional<bool> Core::route(const SharedRef<const Message>& message, Peer* publisher,
                                AckQueue::Place place) {
  const std::string_view topic = message->topic();
  const uint64_t self = uint64_t{1} << setup_.shard.value();
  const uint64_t mask = multi() ? setup_.interest->shards_for(topic) : self;
  const bool waits = publisher != nullptr && place.qos != Qos::at_most_once && keeps();
  AckToken token;
  if (waits) {
    const uint32_t parts = static_cast<uint32_t>(std::popcount(mask)) + (message->retain() ? 1 : 0);
    Session& from = sessions_.at(publisher->connection.session);
    const bool decides = place.received && !from.clean && multi() && parts != 0;
    if (place.received && !decides) record_received(from, place.packet_id);
    if (parts == 0) return false;
    const mqtt::PacketId id = place.packet_id;
    place.remaining = static_cast<uint8_t>(decides ? 1 : parts);
    place.asked = true;
    token = {.connection = publisher->id,
             .place = publisher->connection.acks.open(std::move(place)),
             .shard = setup_.shard};
    if (decides) token = begin_decision(token, publisher->connection.session, id, parts);
  }
  if (message->retain()) {
    const ShardId keeper = home(topic);
    if (keeper == setup_.shard) {
      retain(message, token, mask);
    } else {
      message->share_across_shards();
      // Before the Publish mails: who learned of the message by mail and then asks the keeper must
      // find it there.
      output_.first_mails[keeper.value()].push_back(mail::Retain{message, token, mask});
    }
  }
  const uint64_t others = mask & ~self;
  if (others != 0) note_spread(token);
  if (others != 0) route_to_others(message, others, publisher, token);
  bool matched = others != 0;
  if ((mask & self) != 0) {
    const Delivered result = deliver(message, token);
    matched |= result.matched;
    settle(token, result);
  }
  if (waits) return std::nullopt;
  return matched;
}

void Core::route_to_others(const SharedRef<const Message>& message, uint64_t mask,
                           const Peer* publisher, AckToken token) {
  message->share_across_shards();
  for (; mask != 0; mask &= mask - 1) {
    const ShardId to(static_cast<uint8_t>(std::countr_zero(mask)));
    send(to, mail::Publish{message, token, setup_.shard});
    Link& link = links_[to.value()];
    link.under_way += message->footprint();
    if (link.under_way > kCreditMax && publisher != nullptr) pause_for_credit(to, *publisher);
  }
}

/// From the keeper of a retained message to shards that the publish was not routed to.
void Core::forward_late(const SharedRef<const Message>& message, uint64_t mask) {
  message->share_across_shards();
  for (; mask != 0; mask &= mask - 1) {
    const ShardId to(static_cast<uint8_t>(std::countr_zero(mask)));
    send(to, mail::Publish{message, {}, setup_.shard, /*late=*/true});
    links_[to.value()].under_way += message->footprint();
  }
}

/// More is under way to a shard than it may hold: whoever publishes there is not read until it has
/// caught up. TCP then slows the client down.
void Core::pause_for_credit(ShardId to, Peer publisher) {
  if ((publisher.connection.paused_for & Connection::pause_credit) != 0) return;
  set_reading(publisher, Connection::pause_credit, true);
  links_[to.value()].paused.push_back(publisher.id);
}

void Core::on_credit(const mail::Credit& credit) {
  Link& link = links_[credit.from.value()];
  DCHECK(link.under_way >= credit.bytes);
  link.under_way -= credit.bytes;
  if (link.under_way > kCreditMax / 2) return;
  for (const ConnectionId id : std::exchange(link.paused, {})) {
    Connection* connection = connections_.find(id);
    if (connection != nullptr) set_reading({id, *connection}, Connection::pause_credit, false);
  }
}

/// Sets (or clears) a retained message of a topic homed here. `mask` are the shards it was routed
/// to: a subscriber that came since gets it from here.
void Core::retain(const SharedRef<const Message>& message, AckToken token, uint64_t mask) {
  const bool is_kept = keep_retained(message);
  // The broker's own ($SYS) are made anew after a restart.
  const bool stored = keeps() && !message->topic().starts_with("$SYS/");
  if (stored) {
    StoreOp& op = batch_ops_.emplace_back();
    op.kind = is_kept ? StoreOp::Kind::retained_set : StoreOp::Kind::retained_delete;
    op.message = message;
    if (!is_kept) op.text = message->topic();
  }
  if (multi()) {
    uint64_t missed = setup_.interest->shards_for(message->topic()) & ~mask;
    const uint64_t self = uint64_t{1} << setup_.shard.value();
    if ((missed & self) != 0) on_late(*message, setup_.shard);
    missed &= ~self;
    if (missed != 0) forward_late(message, missed);
  }
  settle(token, {.matched = false, .stored = stored, .relay = {}});
}

Core::Delivered Core::deliver(const SharedRef<const Message>& message, AckToken token) {
  Delivered result;
  matches_.clear();
  more_ids_.clear();
  ++match_stamp_;
  tree_.match(message->topic(), [&](std::span<const Subscriber> subscribers) {
    for (const Subscriber& subscriber : subscribers) {
      if (subscriber.is_group) {
        group_publish(subscriber.index, message, token, result);
      } else {
        collect_session(subscriber, *message);
      }
    }
  });
  for (const Match& match : matches_) deliver_to(match, message, token, result);
  if (result.relay) finish_relay(result);
  return result;
}

/// A retained message came to its keeper after subscribers that its publisher did not know of.
/// Newer ones may have come to them live already, so they do not get this one but ask the keeper
/// for what it has now.
void Core::on_late(const Message& message, ShardId keeper) {
  std::vector<Match> late;
  tree_.match(message.topic(), [&late](std::span<const Subscriber> subscribers) {
    for (const Subscriber& subscriber : subscribers) {
      if (subscriber.is_group) continue;  // no retained messages for shared subscriptions
      late.push_back({subscriber.index, subscriber.subscription_id, subscriber.options, 0});
    }
  });
  // One answer does for all subscriptions of a session, at the highest QoS of them.
  std::stable_sort(late.begin(), late.end(), [](const Match& a, const Match& b) {
    return unpack(a.options).qos > unpack(b.options).qos;
  });
  for (const Match& match : late) {
    Session& session = *sessions_.at_index(match.session);
    const bool unwanted =
        unpack(match.options).retain_handling == mqtt::RetainHandling::never || !session.online();
    const SessionId id = sessions_.id_at(match.session);
    if (unwanted || awaits_page(id, keeper, message)) continue;
    start_replay(id, session,
                 {.filter = std::string(message.topic()),
                  .options = match.options,
                  .subscription_id = match.subscription_id,
                  .own_filter = false});
  }
}

/// Notes one matching subscription. Overlapping ones of a session become one delivery with the
/// highest QoS and all identifiers [MQTT-3.3.4-2] [MQTT-3.3.4-3], unless duplicates are allowed.
void Core::collect_session(const Subscriber& subscriber, const Message& message) {
  Session& session = *sessions_.at_index(subscriber.index);
  const bool no_local = (subscriber.options & 4) != 0;
  if (no_local && message.origin() == session.client_hash) return;  // [MQTT-3.8.3-3]
  if (config().allow_duplicate_messages || session.stamp != match_stamp_) {
    session.stamp = match_stamp_;
    session.stamp_slot = static_cast<uint32_t>(matches_.size());
    matches_.push_back({subscriber.index, subscriber.subscription_id, subscriber.options, 0});
    return;
  }
  Match& match = matches_[session.stamp_slot];
  const auto qos = static_cast<uint8_t>(std::max(match.options & 3, subscriber.options & 3));
  match.options = static_cast<uint8_t>(((match.options | subscriber.options) & ~3) | qos);
  if (subscriber.subscription_id == 0) return;
  if (match.subscription_id == 0) {
    match.subscription_id = subscriber.subscription_id;
    return;
  }
  if (match.more_ids == 0) {
    more_ids_.push_back({match.subscription_id});
    match.more_ids = static_cast<uint32_t>(more_ids_.size());
  }
  more_ids_[match.more_ids - 1].push_back(subscriber.subscription_id);
}

void Core::deliver_to(const Match& match, const SharedRef<const Message>& message, AckToken token,
                      Delivered& result) {
  Session& session = *sessions_.at_index(match.session);
  if (!may(session, Refused::delivery, message->topic())) return;
  result.matched = true;
  Delivery delivery = make_delivery(match, message);
  const bool durable = !session.clean && delivery.qos() != Qos::at_most_once;
  const bool taken = enqueue(session, std::move(delivery), Source::live, token.decision);
  if (taken && durable && keeps()) result.stored = true;
}

/// A retained message remembers who it is from where that is asked for when it is replayed.
std::optional<mqtt::MessageSource> Core::source_to_keep(const Session& session, bool retain) const {
  if (!retain || !config().check_retain_source) return std::nullopt;
  return mqtt::MessageSource{session.client_id, session.user_name, session.listener};
}

bool Core::source_may_write(const Message& message) const {
  if (!config().check_retain_source || setup_.authorizer == nullptr) return true;
  const std::optional<mqtt::MessageSource> source = message.source();
  if (!source) return true;  // The broker's own, or published before the option was set.
  return setup_.authorizer
      ->decide({source->client_id, source->user_name, source->listener}, Access::write,
               message.topic())
      .is_allowed();
}

Qos Core::delivery_qos(Qos published, Qos subscribed) const {
  if (config().upgrade_outgoing_qos) return subscribed;
  return std::min(published, subscribed);  // [MQTT-3.8.4-8]
}

Delivery Core::make_delivery(const Match& match, const SharedRef<const Message>& message) {
  Delivery delivery;
  delivery.message = message;
  const mqtt::SubscribeOptions options = unpack(match.options);
  delivery.qos_bits = mqtt::value(delivery_qos(message->qos(), options.qos)) & 3U;
  delivery.retain = options.retain_as_published && message->retain() ? 1 : 0;  // [MQTT-3.3.1-12]
  delivery.extra = match.subscription_id;
  if (match.more_ids != 0) {
    auto [id, extra] = extras_.emplace();
    extra.subscription_ids = more_ids_[match.more_ids - 1];
    delivery.extra = Delivery::kExtra | id.index;
  }
  return delivery;
}

/// This shard has done its part of a publish: answers now, or when what it recorded is safe.
void Core::settle(AckToken token, const Delivered& result) {
  if (!token) return;
  if (result.relay) return;  // answered when the members' shards have
  if (result.stored && token.decision != 0) {
    settle_last_.emplace_back(token, result.matched);
    return;
  }
  if (result.stored) {
    owed_.push_back({batch_number_, token, result.matched});
    return;
  }
  settle_now(token, result.matched);
}

void Core::settle_now(AckToken token, bool matched) {
  if (token.shard != setup_.shard) return send(token.shard, mail::Settled{token, matched});
  if (token.relay) {
    const RelayId id{token.connection.index, token.connection.generation};
    Relay* relay = relays_.find(id);
    if (relay == nullptr) return;
    relay->matched |= matched;
    if (--relay->remaining != 0) return;
    const Relay done = *relay;
    relays_.erase(id);
    if (done.decision != 0) return make_decision(done);
    return settle_now(done.token, done.matched);
  }
  Connection* connection = connections_.find(token.connection);
  if (connection == nullptr || !connection->is_open()) {
    if (const auto next = orphaned_acks_.settle(token, matched)) {
      settle_now(next->waiting, next->matched);
    }
    return;
  }
  connection->acks.settle(token.place, matched);
  flush_acks({token.connection, *connection});
}

}  // namespace tombo::broker
