#include "broker/core.h"

// Shared subscriptions (section 4.8.2). A group has a home shard by its name; that shard alone has
// the filter in its tree, knows the members and chooses one for each message. Members are told and
// tell by mail, their own shard's included.
namespace tombo::broker {

using mqtt::Message;
using mqtt::Qos;

/// Tells the group's home of a member. Returns whether SUBACK has to wait for its answer.
bool Core::join_group(SessionId id, Session& session, GroupMembership membership,
                      uint32_t request) {
  const ShardId keeper = home(membership.name);
  if (session.shared == nullptr) session.shared = std::make_unique<std::vector<SharedMembership>>();
  bool known = false;
  for (const SharedMembership& shared : *session.shared) known |= shared.name == membership.name;
  if (!known) {
    session.shared->push_back({std::string(membership.name), keeper});
    ++stats_.subscriptions;
    ++stats_.shared_subscriptions;
  }
  auto update = std::make_unique<mail::GroupUpdate>();
  update->kind = mail::GroupUpdate::Kind::join;
  update->member = {setup_.shard, id};
  update->request = request;
  update->options = membership.options;
  update->subscription_id = membership.subscription_id;
  update->name = membership.name;
  if (keeper == setup_.shard) {
    update->request = 0;
    on_group_update(*update);
    return false;
  }
  send(keeper, std::move(update));
  return true;
}

bool Core::leave_group(SessionId id, Session& session, std::string_view name) {
  if (session.shared == nullptr) return false;
  auto& shared = *session.shared;
  for (size_t i = 0; i < shared.size(); ++i) {
    if (shared[i].name != name) continue;
    auto update = std::make_unique<mail::GroupUpdate>();
    update->kind = mail::GroupUpdate::Kind::leave;
    update->member = {setup_.shard, id};
    update->name = std::move(shared[i].name);
    const ShardId keeper = shared[i].home;
    shared.erase(shared.begin() + static_cast<ptrdiff_t>(i));
    --stats_.subscriptions;
    --stats_.shared_subscriptions;
    if (keeper == setup_.shard) {
      on_group_update(*update);
    } else {
      send(keeper, std::move(update));
    }
    return true;
  }
  return false;
}

void Core::leave_all_groups(SessionId id, Session& session) {
  while (session.shared != nullptr && !session.shared->empty()) {
    const std::string name = session.shared->back().name;
    leave_group(id, session, name);
  }
}

/// A member came back or went away without leaving.
void Core::tell_groups(SessionId id, const Session& session, mail::GroupUpdate::Kind kind) {
  if (session.shared == nullptr) return;
  for (const SharedMembership& shared : *session.shared) {
    auto update = std::make_unique<mail::GroupUpdate>();
    update->kind = kind;
    update->member = {setup_.shard, id};
    update->name = shared.name;
    if (shared.home == setup_.shard) {
      on_group_update(*update);
    } else {
      send(shared.home, std::move(update));
    }
  }
}

/// At the group's home.
void Core::on_group_update(mail::GroupUpdate& update) {
  GroupId id = groups_.find(std::string_view(update.name));
  SharedGroup* group = groups_.find(id);
  using Kind = mail::GroupUpdate::Kind;
  switch (update.kind) {
    case Kind::join:
      if (group == nullptr) id = add_group(update.name);
      group = groups_.find(id);
      group->remove(update.member);
      group->members.push_back(
          {update.member, update.subscription_id, update.options, /*online=*/true});
      if (update.request != 0) {
        send(update.member.shard, mail::GroupJoined{update.member.session, update.request});
      }
      return;
    case Kind::leave:
      if (group == nullptr) return;
      group->remove(update.member);
      if (group->members.empty()) remove_group(id);
      return;
    case Kind::online:
    case Kind::offline:
      if (group == nullptr) return;
      if (SharedGroup::Member* member = group->find(update.member)) {
        member->online = update.kind == Kind::online;
      }
      return;
  }
}

GroupId Core::add_group(std::string_view name) {
  auto [id, group] = groups_.add(name);
  bool new_leaf = false;
  group.leaf = tree_.find_or_add(group.filter(), new_leaf);
  if (new_leaf) tree_.interest(group.leaf) = interest_.add(group.filter());
  group.position = tree_.add(group.leaf, {.index = id.index, .is_group = true});
  return id;
}

void Core::remove_group(GroupId id) {
  const SharedGroup& group = *groups_.find(id);
  remove_from_leaf(group.leaf, group.position);
  groups_.erase(id);
}

void Core::on_group_joined(const mail::GroupJoined& joined) {
  Session* session = sessions_.find(joined.member);
  if (session != nullptr) subscribe_step(*session, joined.request);
}

/// Something that a SUBSCRIBE waits for is done; after the last SUBACK leaves.
void Core::subscribe_step(const Session& session, uint32_t request) {
  if (!session.online()) return;
  const Peer peer{session.connection, connections_.at(session.connection)};
  PendingSubscribe* pending = find_subscribing(peer.connection, request);
  if (pending == nullptr || --pending->remaining != 0) return;
  const PendingSubscribe done = std::move(*pending);
  auto& waiting = *peer.connection.subscribing;
  waiting.erase(waiting.begin() + (pending - waiting.data()));
  if (waiting.empty()) peer.connection.subscribing.reset();
  send_suback(peer, mqtt::PacketType::suback, done);
  if ((peer.connection.paused_for & Connection::pause_subscribe) != 0) {
    set_reading(peer, Connection::pause_subscribe, false);
  }
}

PendingSubscribe* Core::find_subscribing(Connection& connection, uint32_t request) {
  if (connection.subscribing == nullptr) return nullptr;
  for (PendingSubscribe& pending : *connection.subscribing) {
    if (pending.request == request) return &pending;
  }
  return nullptr;
}

/// A message matched the group's filter: one member gets it [MQTT-4.8.2-4].
void Core::group_publish(uint32_t index, const SharedRef<const Message>& message, AckToken token,
                         Delivered& result) {
  SharedGroup& group = groups_.at_index(index);
  if (group.members.empty()) return;
  const SharedGroup::Member& member = group.choose();
  result.matched = true;
  mail::GroupDeliver delivery{.message = message,
                              .member = member.session.session,
                              .token = {},
                              .subscription_id = member.subscription_id,
                              .options = member.options,
                              .home = setup_.shard,
                              .group = groups_.id_at(index)};
  if (member.session.shard == setup_.shard) {
    delivery.token.decision = token.decision;
    result.stored |= deliver_from_group(delivery);
    return;
  }
  if (token) {
    // The member's shard settles too: this shard answers when it has.
    if (!result.relay) {
      const auto [id, relay] = relays_.emplace(Relay{.token = token, .remaining = 1});
      result.relay = {.connection = {id.index, id.generation},
                      .shard = setup_.shard,
                      .relay = true,
                      .decision = token.decision};
      note_spread(token);
    }
    ++relays_.at({result.relay.connection.index, result.relay.connection.generation}).remaining;
    delivery.token = result.relay;
  }
  message->share_across_shards();
  send(member.session.shard, std::move(delivery));
}

/// This shard's own part of a relayed settlement.
void Core::finish_relay(const Delivered& result) {
  if (result.stored && result.relay.decision != 0) {
    settle_last_.emplace_back(result.relay, result.matched);
  } else if (result.stored) {
    owed_.push_back({batch_number_, result.relay, result.matched});
  } else {
    settle_now(result.relay, result.matched);
  }
}

void Core::on_group_deliver(mail::GroupDeliver& delivery) {
  const bool stored = deliver_from_group(delivery);
  settle(delivery.token, {.matched = true, .stored = stored, .relay = {}});
}

/// Queues a group's message for a member of this shard. Returns whether something was recorded.
bool Core::deliver_from_group(mail::GroupDeliver& from) {
  Session* session = sessions_.find(from.member);
  if (session == nullptr) {
    // Gone meanwhile; the group hears of it by a mail under way. Another member gets the message.
    auto back = std::make_unique<mail::GroupReturn>();
    back->group = from.group;
    back->messages.push_back(std::move(from.message));
    if (from.home == setup_.shard) {
      on_group_return(*back);
    } else {
      send(from.home, std::move(back));
    }
    return false;
  }
  if (!may(*session, Refused::delivery, from.message->topic())) return false;
  const mqtt::SubscribeOptions options = unpack(from.options);
  Delivery delivery;
  delivery.qos_bits = mqtt::value(delivery_qos(from.message->qos(), options.qos)) & 3U;
  delivery.retain = options.retain_as_published && from.message->retain() ? 1 : 0;
  delivery.message = std::move(from.message);
  if (delivery.qos() == Qos::at_most_once) {
    delivery.extra = from.subscription_id;
  } else {
    auto [id, extra] = extras_.emplace();
    extra.group = from.group;
    extra.group_home = from.home;
    if (from.subscription_id != 0) extra.subscription_ids.push_back(from.subscription_id);
    delivery.extra = Delivery::kExtra | id.index;
  }
  const bool durable = !session->clean && delivery.qos() != Qos::at_most_once;
  const uint64_t decision = from.token.decision;
  return enqueue(*session, std::move(delivery), Source::group, decision) && durable && keeps();
}

/// The session ends: what a group gave it and it has not acknowledged goes back, except QoS 2 that
/// was sent already [MQTT-4.8.2-5].
void Core::give_back(Session& session) {
  std::vector<std::pair<ShardId, std::unique_ptr<mail::GroupReturn>>> returns;
  const auto collect = [&](const Delivery& delivery, bool sent) {
    if (!delivery.has_extra() || !delivery.message) return;
    const DeliveryExtra& extra = *extras_.at_index(delivery.extra_index());
    if (!extra.group || (sent && delivery.qos() == Qos::exactly_once)) return;
    for (auto& [shard, back] : returns) {
      if (shard == extra.group_home && back->group == extra.group) {
        return back->messages.push_back(delivery.message);
      }
    }
    auto back = std::make_unique<mail::GroupReturn>();
    back->group = extra.group;
    back->messages.push_back(delivery.message);
    returns.emplace_back(extra.group_home, std::move(back));
  };
  for (const Delivery& delivery : session.inflight) collect(delivery, true);
  for (const Delivery& delivery : session.waiting) collect(delivery, false);
  for (const Delivery& delivery : session.pending) collect(delivery, false);
  for (auto& [shard, back] : returns) {
    for (const auto& message : back->messages) message->share_across_shards();
    // By mail even to this shard, and behind the member's leaving: it is no longer chosen.
    send(shard, std::move(back));
  }
}

void Core::on_group_return(mail::GroupReturn& back) {
  const SharedGroup* group = groups_.find(back.group);
  if (group == nullptr || group->members.empty()) return;
  for (auto& message : back.messages) {
    // The member may be on another shard and gone there too: each return drops members until none
    // is left, so this ends.
    Delivered ignored;
    group_publish(back.group.index, message, {}, ignored);
  }
}

}  // namespace tombo::broker
