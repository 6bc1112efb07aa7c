#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "broker/core.h"
#include "mqtt/topic.h"

// Retained messages for new subscriptions. The shard that holds them walks its store in pages; the
// subscriber's shard asks for the next page when its session has little left to send. So a million
// retained messages stall nobody and fill no queue.
//
// Live messages that match the filter wait until the replay is done: retained messages come first.
// When too many wait, they overtake it; a live message that overtakes its own retained copy must
// stay the last. A page that is asked for after it has come is never older, so only for a page that
// is under way the topics are remembered, and what it brings for them is left out.
namespace tombo::broker {

using mqtt::Message;

/// Returns whether the SUBACK of `replay.subscribing` has to wait for its first page.
bool Core::start_replay(SessionId id, Session& session, Replay replay) {
  if (replay.own_filter) stop_replay(session, replay.filter);  // subscribed again meanwhile
  if (session.replays == nullptr) session.replays = std::make_unique<Replays>();
  if (mqtt::has_wildcard(replay.filter)) {
    replay.shard = ShardId(0);
    replay.shards_left = static_cast<uint8_t>(setup_.shards - 1);
    replay.subscribing = 0;  // walked shard by shard: SUBACK does not wait for so much
  } else {
    replay.shard = home(replay.filter);
    if (replay.shard == setup_.shard) replay.subscribing = 0;  // answered within this turn
  }
  replay.held_before = static_cast<uint32_t>(session.replays->held.size());
  const bool waits = replay.subscribing != 0;
  session.replays->later.push_back(std::move(replay));
  next_replays(id, session);
  return waits;
}

/// Begins replays whose turn has come.
void Core::next_replays(SessionId id, Session& session) {
  Replays& replays = *session.replays;
  while (replays.list.size() < setup_.replay_limits.active && !replays.later.empty()) {
    Replay replay = replays.later.pop_front();
    if (!still_subscribed(session, replay)) {
      if (replay.subscribing != 0) subscribe_step(session, replay.subscribing);
      continue;
    }
    replay.request = ++session.next_request;
    replays.list.push_back(std::move(replay));
    ask_replay(id, replays.list.back());
  }
}

/// A replay that waited for its turn: does its subscription exist, and with which options by now?
bool Core::still_subscribed(const Session& session, Replay& replay) {
  if (!replay.own_filter) return true;
  const TopicTree::Leaf leaf = tree_.find(replay.filter);
  if (leaf == TopicTree::kNone) return false;
  const auto index = subscription_index(session, leaf);
  if (!index) return false;
  const Subscriber& now = tree_.subscribers(leaf)[session.subscriptions[*index].position];
  replay.options = now.options;
  replay.subscription_id = now.subscription_id;
  return true;
}

void Core::ask_replay(SessionId id, Replay& replay) {
  auto start = std::make_unique<mail::ReplayStart>();
  start->to = {setup_.shard, id};
  start->request = replay.request;
  start->filter = replay.filter;
  replay.waiting = true;
  replay.begun = false;
  replay.cursor = {};
  send(replay.shard, std::move(start));
}

/// The client is back: what a broken connection left unfinished begins anew.
void Core::restart_replays(SessionId id, Session& session) {
  if (session.replays == nullptr) return;
  const std::unique_ptr<Replays> unfinished = std::exchange(session.replays, nullptr);
  const auto restart = [&](const Replay& replay) {
    start_replay(id, session,
                 {.filter = replay.filter,
                  .options = replay.options,
                  .subscription_id = replay.subscription_id,
                  .own_filter = replay.own_filter});
  };
  for (const Replay& replay : unfinished->list) restart(replay);
  for (const Replay& replay : unfinished->later) restart(replay);
}

/// The connection ends: no shard keeps a cursor for it. A session that lives on keeps the filters.
void Core::stop_replays(Session& session) {
  if (session.replays == nullptr) return;
  release_held(session);
  for (Replay& replay : session.replays->list) {
    release_cursor(replay);
    replay.request = 0;  // pages under way find nobody
    replay.seen.clear();
  }
  if (session.clean) session.replays.reset();
}

void Core::stop_replay(Session& session, std::string_view filter) {
  if (session.replays == nullptr) return;
  std::erase_if(session.replays->list, [&](Replay& replay) {
    if (!replay.own_filter || replay.filter != filter) return false;
    release_cursor(replay);
    if (replay.subscribing != 0) subscribe_step(session, replay.subscribing);
    return true;
  });
  next_replays(sessions_.find(session.client_id), session);
  end_replays(session);
}

/// When no replay is left, what was held back follows.
void Core::end_replays(Session& session) {
  if (!session.replays->list.empty() || !session.replays->later.empty()) return;
  release_held(session);
  session.replays.reset();
}

void Core::release_held(Session& session) {
  Ring<Delivery>& held = session.replays->held;
  while (!held.empty()) line_up(session, held.pop_front());
  for (Replay& replay : session.replays->list) replay.held_before = 0;
  for (size_t i = 0; i < session.replays->later.size(); ++i) {
    session.replays->later[i].held_before = 0;
  }
}

void Core::release_cursor(Replay& replay) {
  if (replay.cursor) send(replay.shard, mail::ReplayNext{replay.cursor, {}, 0, /*stop=*/true});
  replay.cursor = {};
}

/// Asks for the next page when the session has little left to send.
void Core::pump_replays(Session& session) {
  if (session.replays == nullptr || !session.online()) return;
  if (session.paged != nullptr) return;
  if (session.pending.size() + session.waiting.size() >= setup_.replay_limits.page) return;
  for (Replay& replay : session.replays->list) {
    if (replay.waiting || !replay.cursor) continue;
    replay.waiting = true;
    const SessionId id = sessions_.find(session.client_id);
    send(replay.shard,
         mail::ReplayNext{
             std::exchange(replay.cursor, {}), {setup_.shard, id}, replay.request, /*stop=*/false});
    return;
  }
}

/// At the shard that holds the messages.
void Core::on_replay_start(const mail::ReplayStart& start) {
  send_page(retained_.start(start.filter), start.to, start.request);
}

void Core::on_replay_next(const mail::ReplayNext& next) {
  if (next.stop) return retained_.stop(next.replay);
  send_page(next.replay, next.to, next.request);
}

void Core::send_page(ReplayId cursor, SessionRef to, uint32_t request) {
  auto page = std::make_unique<mail::ReplayPage>();
  page->to = to.session;
  page->from = setup_.shard;
  page->request = request;
  page->replay = cursor;
  page->more = retained_.next(cursor, setup_.replay_limits.page, now_.wall_ms, page->messages);
  if (to.shard != setup_.shard) {
    for (const auto& message : page->messages) message->share_across_shards();
  }
  send(to.shard, std::move(page));
}

/// Back at the subscriber.
void Core::on_replay_page(mail::ReplayPage& page) {
  Session* session = sessions_.find(page.to);
  Replay* replay = session == nullptr ? nullptr : find_replay(*session, page.request);
  if (replay == nullptr) {
    if (page.more) send(page.from, mail::ReplayNext{page.replay, {}, 0, /*stop=*/true});
    return;
  }
  const mqtt::SubscribeOptions options = unpack(replay->options);
  for (auto& message : page.messages) {
    const uint64_t topic = hash64(message->topic(), setup_.hash_seed);
    if (std::find(replay->seen.begin(), replay->seen.end(), topic) != replay->seen.end()) continue;
    if (!may(*session, Refused::delivery, message->topic()) || !source_may_write(*message))
      continue;
    if (options.no_local && message->origin() == session->client_hash) continue;
    if (!replay->own_filter && subscriptions_to(page.to, message->topic()) == 0) continue;
    if (comes_live(*session, *replay, *message)) continue;
    Delivery delivery;
    delivery.qos_bits = mqtt::value(delivery_qos(message->qos(), options.qos)) & 3U;
    delivery.retain = 1;  // [MQTT-3.3.1-8]
    delivery.extra = replay->subscription_id;
    delivery.message = std::move(message);
    enqueue(*session, std::move(delivery), Source::replay);
  }
  replay->seen.clear();
  replay->waiting = false;
  replay->begun = true;
  if (replay->subscribing != 0) subscribe_step(*session, std::exchange(replay->subscribing, 0));
  if (page.more) {
    replay->cursor = page.replay;
  } else if (replay->shards_left != 0) {
    --replay->shards_left;
    replay->shard = ShardId(static_cast<uint8_t>(replay->shard.value() + 1));
    ask_replay(page.to, *replay);
  } else {
    std::erase_if(session->replays->list,
                  [&](const Replay& done) { return done.request == page.request; });
    next_replays(page.to, *session);
    end_replays(*session);
  }
  pump_replays(*session);
}

/// Does a retained message follow a live one of its publisher that came since the subscription and
/// waits for the replay? Then it comes live itself: sent as retained it would run ahead of what was
/// published before it.
bool Core::comes_live(const Session& session, const Replay& replay, const Message& message) const {
  const auto& held = session.replays->held;
  for (size_t i = replay.held_before; i < held.size(); ++i) {
    const Message& live = *held[i].message;
    if (message.follows(live) && live.topic() == message.topic()) return true;
  }
  return false;
}

Replay* Core::find_replay(Session& session, uint32_t request) {
  if (session.replays == nullptr || request == 0) return nullptr;
  for (Replay& replay : session.replays->list) {
    if (replay.request == request) return &replay;
  }
  return nullptr;
}

/// Will the first page that replays of this session have yet to get from `keeper` bring what it
/// sends now to each of the session's subscriptions? The replay of one of them does not do for
/// another: it ends with its own.
bool Core::awaits_page(SessionId id, ShardId keeper, const Message& message) {
  const Session& session = sessions_.at(id);
  if (session.replays == nullptr) return false;
  size_t own = 0;
  bool any = false;
  const auto count = [&](const Replay& replay) {
    if (!mqtt::topic_matches(replay.filter, message.topic())) return;
    own += replay.own_filter ? 1 : 0;
    any = any || !replay.own_filter;
  };
  for (const Replay& replay : session.replays->later) count(replay);
  for (const Replay& replay : session.replays->list) {
    const bool later = replay.shard < keeper && replay.shards_left != 0;
    const bool now = replay.shard == keeper && !replay.begun;
    if (replay.request != 0 && (later || now)) count(replay);
  }
  return any || own >= subscriptions_to(id, message.topic());
}

/// How many of a session's own subscriptions match a topic.
size_t Core::subscriptions_to(SessionId id, std::string_view topic) {
  size_t count = 0;
  tree_.match(topic, [&](std::span<const Subscriber> subscribers) {
    for (const Subscriber& each : subscribers) {
      count += !each.is_group && each.index == id.index ? 1 : 0;
    }
  });
  return count;
}

/// A live message for a session with replays under way: is it kept until they are done?
bool Core::hold_back(Session& session, Delivery& delivery) {
  Replays& replays = *session.replays;
  const auto running = [](const Replay& replay) { return replay.request != 0; };
  if (std::none_of(replays.list.begin(), replays.list.end(), running)) return false;
  // What is paged follows it, and would be read from the store in front of it.
  const bool may_hold = session.paged == nullptr || delivery.qos() == mqtt::Qos::at_most_once;
  if (may_hold && !replays.overtaking && replays.held.size() < setup_.replay_limits.held) {
    replays.held.push_back(std::move(delivery));
    return true;
  }
  const SessionId id = sessions_.find(session.client_id);
  replays.overtaking = true;
  for (Replay& replay : replays.list) {
    for (const Delivery& held : replays.held) {
      overtake(id, session, replay, *held.message);
    }
    overtake(id, session, replay, *delivery.message);
  }
  release_held(session);
  return false;
}

/// A live message goes before what a page that is under way may bring for its topic.
void Core::overtake(SessionId id, Session& session, Replay& replay, const Message& message) {
  if (replay.request == 0 || !replay.waiting || !message.retain()) return;
  if (home(message.topic()) != replay.shard) return;
  if (!mqtt::topic_matches(replay.filter, message.topic())) return;
  const uint64_t topic = hash64(message.topic(), setup_.hash_seed);
  if (std::find(replay.seen.begin(), replay.seen.end(), topic) != replay.seen.end()) return;
  if (replay.seen.size() < setup_.replay_limits.seen) {
    replay.seen.push_back(topic);
    return;
  }
  // Too many to remember: begin anew. Twice the same value is allowed, an old one last is not.
  release_cursor(replay);
  replay.seen.clear();
  replay.request = ++session.next_request;
  if (mqtt::has_wildcard(replay.filter)) {
    replay.shard = ShardId(0);
    replay.shards_left = static_cast<uint8_t>(setup_.shards - 1);
  }
  ask_replay(id, replay);
}

}  // namespace tombo::broker
