#include "sim/oracle.h"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include "mqtt/topic.h"
#include "sim/disk.h"

namespace tombo::sim {

using mqtt::Qos;

namespace {

/// QoS 1 and 2 share a window and keep their order; QoS 0 has its own.
bool is_acknowledged(Qos qos) {
  return qos != Qos::at_most_once;
}

bool wants(const Interest& interest, const Publication& of) {
  return mqtt::topic_matches(interest.filter, of.topic);
}

/// Could the subscription have been there when the publication was routed, or later?
bool possible(const Interest& interest, const Publication& of) {
  return wants(interest, of) && interest.possible_until > of.sent;
}

/// Was it there from before the publication until now?
bool certain(const Interest& interest, const Publication& of) {
  return wants(interest, of) && interest.certain_from < of.sent && interest.certain_until == kNever;
}

bool same_filter(const Interest& a, const Interest& b) {
  return a.filter == b.filter && a.group == b.group;
}

/// The subscription that a filter names.
Interest interest_of(std::string_view filter) {
  Interest interest;
  interest.filter = filter;
  if (const auto shared = mqtt::parse_shared(filter)) {
    interest.group = shared->group;
    interest.filter = shared->filter;
  }
  return interest;
}

/// A subscription of v5 may leave out what its own client publishes.
bool is_own(const Generation& session, const Interest& interest, const Publication& of) {
  return interest.options.no_local && session.client == of.publisher;
}

/// May it come by way of a group? Then it may have been somebody else's before, and is late.
bool is_shared(const Generation& session, const Publication& of) {
  return std::ranges::any_of(session.interests, [&of](const Interest& each) {
    return !each.group.empty() && wants(each, of);
  });
}

std::string name(const Publication& of) {
  return fmt::format("{} {} (client {}, \"{}\", QoS {}{})", of.is_will ? "will" : "message",
                     of.number, of.publisher, of.topic, value(of.qos),
                     of.retain ? ", retained" : "");
}

}  // namespace

std::string Oracle::payload(uint32_t number) {
  // Some are larger than what is copied into the flush buffer.
  const size_t padding = number % 7 == 0 ? 900 : number % 5;
  return fmt::format("m{}:{}", number, std::string(padding, 'x'));
}

std::optional<uint32_t> Oracle::number_of(std::string_view payload) {
  if (payload.size() < 2 || payload[0] != 'm') return std::nullopt;
  uint32_t number = 0;
  const char* end = payload.data() + payload.size();
  const auto [at, error] = std::from_chars(payload.data() + 1, end, number);
  if (error != std::errc() || at == end || *at != ':') return std::nullopt;
  return number;
}

uint32_t Oracle::publish(Publication publication) {
  publication.number = static_cast<uint32_t>(publications_.size());
  publication.sent = tick();
  publications_.push_back(std::move(publication));
  return publications_.back().number;
}

void Oracle::answered(uint32_t number, bool success) {
  Publication& of = publications_[number];
  of.done = std::min(of.done, tick());
  of.acknowledged = success;
  of.must_arrive = success;
}

void Oracle::done(uint32_t number) {
  Publication& of = publications_[number];
  of.done = std::min(of.done, tick());
}

uint32_t Oracle::begin_generation(uint32_t client) {
  tick();
  Generation& session = generations_.emplace_back();
  session.client = client;
  return static_cast<uint32_t>(generations_.size() - 1);
}

uint32_t Oracle::begin_doubtful_generation(uint32_t client, const std::vector<uint32_t>& before) {
  const uint32_t index = begin_generation(client);
  generations_[index].is_doubtful = true;
  for (const uint32_t other : before) {
    for (Interest interest : generations_[other].interests) {
      interest.certain_from = interest.certain_until = kNever;
      generations_[index].interests.push_back(std::move(interest));
    }
  }
  return index;
}

void Oracle::end_generation(uint32_t index) {
  Generation& session = generations_[index];
  if (session.ended != kNever) return;
  session.ended = tick();
  for (Interest& interest : session.interests) {
    interest.certain_until = std::min(interest.certain_until, session.ended);
  }
}

size_t Oracle::subscribing(uint32_t generation, std::string_view filter,
                           mqtt::SubscribeOptions options) {
  Interest interest = interest_of(filter);
  interest.options = options;
  interest.possible_from = tick();
  std::vector<Interest>& interests = generations_[generation].interests;
  for (Interest& other : interests) {
    if (same_filter(other, interest)) other.certain_until = std::min(other.certain_until, step_);
  }
  interests.push_back(std::move(interest));
  return interests.size() - 1;
}

void Oracle::subscribed(uint32_t generation, size_t index, bool success) {
  tick();
  std::vector<Interest>& interests = generations_[generation].interests;
  Interest& interest = interests[index];
  if (!success) {
    interest.possible_until = step_;
    return;
  }
  interest.certain_from = step_;
  for (size_t i = 0; i < index; ++i) {
    Interest& other = interests[i];
    if (same_filter(other, interest)) other.possible_until = std::min(other.possible_until, step_);
  }
}

size_t Oracle::unsubscribing(uint32_t generation, std::string_view filter) {
  const Interest named = interest_of(filter);
  tick();
  std::vector<Interest>& interests = generations_[generation].interests;
  for (Interest& each : interests) {
    if (same_filter(each, named)) each.certain_until = std::min(each.certain_until, step_);
  }
  return interests.size();
}

void Oracle::unsubscribed(uint32_t generation, std::string_view filter, size_t before) {
  const Interest named = interest_of(filter);
  tick();
  std::vector<Interest>& interests = generations_[generation].interests;
  for (size_t i = 0; i < before; ++i) {
    Interest& each = interests[i];
    if (same_filter(each, named)) each.possible_until = std::min(each.possible_until, step_);
  }
}

void Oracle::will_is_due(uint32_t number, Step since) {
  tick();
  Publication& of = publications_[number];
  of.sent = since;
  of.must_arrive = !of.must_not_arrive;
}

void Oracle::will_is_cancelled(uint32_t number) {
  tick();
  Publication& of = publications_[number];
  of.must_not_arrive = true;
  of.must_arrive = false;
  if (of.received > 0) fail(fmt::format("{} was published, and must not be", name(of)));
}

void Oracle::will_is_doubtful(uint32_t number) {
  publications_[number].must_not_arrive = false;
}

void Oracle::broker_died(bool at_rest) {
  died_ = tick();
  for (Publication& of : publications_) {
    if (!at_rest && !of.acknowledged) {
      of.maybe_lost = true;
      ++of.times_lost;
    }
    if (!of.is_will) continue;
    // Nobody was told of it, and it may come again.
    ++of.transmissions;
    ++of.doubtful_transmissions;
    if (!at_rest) of.must_arrive = false;
  }
}

void Oracle::arrived(uint32_t generation, const Arrival& arrival) {
  tick();
  if (arrival.payload.empty()) return;
  const std::optional<uint32_t> number = number_of(arrival.payload);
  if (!number) return;  // Of somebody who does not keep to the rules.
  if (*number == 0 || *number >= publications_.size()) {
    return fail(fmt::format("nobody has published number {}", *number));
  }
  Publication& of = publications_[*number];
  Generation& session = generations_[generation];
  if (of.topic != arrival.topic) {
    return fail(fmt::format("{} arrives at \"{}\"", name(of), arrival.topic));
  }
  if (arrival.payload != payload(*number)) {
    return fail(fmt::format("{} arrives with another payload", name(of)));
  }
  ++of.received;
  if (of.must_not_arrive) {
    return fail(fmt::format("{} was published, and must not be", name(of)));
  }
  check_interest(session, of, arrival);
  check_order(session, of, arrival);
  check_replay(session, of, arrival);
  Receipts& receipts = session.receipts[of.number];
  ++receipts.all;
  receipts.classes.at(is_acknowledged(arrival.qos) ? 1 : 0) = true;
  if (arrival.retain && of.retain) return;
  if (!arrival.dup) ++receipts.first_transmissions;
  if (arrival.qos == Qos::exactly_once) ++receipts.exactly_once;
  check_copies(session, of);
}

Qos Oracle::delivered_at(const Interest& interest, const Publication& of) const {
  return allowed_.upgrades ? interest.options.qos : std::min(of.qos, interest.options.qos);
}

/// Is there a subscription for it, and do its options fit?
void Oracle::check_interest(const Generation& session, const Publication& of,
                            const Arrival& arrival) {
  bool any = false;
  bool qos_fits = false;
  bool retain_fits = !arrival.retain;
  for (const Interest& each : session.interests) {
    const bool replayed = arrival.retain && wants(each, of);
    if (!possible(each, of) && !replayed) continue;
    if (is_own(session, each, of)) continue;
    any = true;
    qos_fits = qos_fits || delivered_at(each, of) == arrival.qos;
    // A replay is marked as retained; what comes live only if the subscriber asked for it.
    retain_fits = retain_fits || of.retain;
  }
  if (!any) {
    fail(fmt::format("client {} receives {} without a subscription", session.client, name(of)));
  } else if (!qos_fits) {
    fail(fmt::format("client {} receives {} at QoS {}", session.client, name(of),
                     value(arrival.qos)));
  } else if (!retain_fits) {
    fail(fmt::format("client {} receives {} as retained", session.client, name(of)));
  }
}

/// First receipts of live messages come in the order in which they were published: those of one
/// publisher always, those of two when the first was settled before the second was sent.
void Oracle::check_order(Generation& session, const Publication& of, const Arrival& arrival) {
  if (arrival.retain || of.is_will || is_shared(session, of)) return;
  // What is sent again may reach a subscription that came in between.
  if (session.receipts.contains(of.number) || of.transmissions > 1) return;
  // One that had expired may come again: that it was done with is not on the disk before it
  // matters.
  if (of.expires && of.sent < died_) return;
  // The number of subscriptions that match decides the QoS of a copy; order is for equal ones.
  uint32_t& last = session.in_order[{of.publisher, {of.topic, arrival.qos}}];
  if (last > of.number && !publications_[last].is_will) {
    return fail(fmt::format("client {} receives {} after {}", session.client, name(of),
                            name(publications_[last])));
  }
  last = std::max(last, of.number);
  Generation::Latest& latest =
      session.latest[{of.topic + static_cast<char>('0' + value(arrival.qos)), false}];
  if (of.done < latest.sent) {
    return fail(fmt::format("client {} receives {} after {}, which was sent later", session.client,
                            name(of), name(publications_[latest.number])));
  }
  if (of.sent > latest.sent) latest = {of.sent, of.number};
}

/// A retained message never follows the live one that replaced it. (A live one may follow a newer
/// one that is replayed: it waits until the replay is over, and the newer one comes live after it.)
void Oracle::check_replay(const Generation& session, const Publication& of,
                          const Arrival& arrival) {
  if (!arrival.retain || of.is_will || arrival.dup || is_shared(session, of)) return;
  const bool may_be_live =
      std::any_of(session.interests.begin(), session.interests.end(), [&of](const Interest& each) {
        return each.options.retain_as_published && possible(each, of);
      });
  if (may_be_live) return;
  for (const auto& [number, receipts] : session.receipts) {
    const Publication& other = publications_[number];
    if (!other.retain || other.is_will || other.topic != of.topic || of.done >= other.sent) {
      continue;
    }
    if (other.maybe_lost) continue;
    if (!receipts.classes.at(is_acknowledged(arrival.qos) ? 1 : 0)) continue;
    fail(fmt::format("client {} receives {} after {}: a stale retained message", session.client,
                     name(of), name(other)));
  }
}

void Oracle::check_copies(const Generation& session, const Publication& of) {
  std::set<std::string> plain;
  std::set<std::string> shared;
  for (const Interest& each : session.interests) {
    if (!possible(each, of)) continue;
    if (each.group.empty()) {
      plain.insert(each.filter);
    } else {
      shared.insert(each.group + '/' + each.filter);
    }
  }
  const size_t copies =
      (allowed_.duplicates ? plain.size() : std::min<size_t>(plain.size(), 1)) + shared.size();
  const Receipts& receipts = session.receipts.at(of.number);
  const size_t sent =
      of.qos == Qos::at_least_once ? of.transmissions : 1 + of.doubtful_transmissions;
  if (receipts.exactly_once > copies * sent && !session.is_doubtful) {
    fail(fmt::format("client {} receives {} {} times at QoS 2", session.client, name(of),
                     receipts.exactly_once));
  } else if (receipts.first_transmissions > copies * (sent + of.times_lost)) {
    fail(fmt::format("client {} receives {} {} times without DUP", session.client, name(of),
                     receipts.first_transmissions));
  }
}

bool Oracle::must_have(const Generation& session, const Interest& interest,
                       const Publication& of) const {
  if (!of.must_arrive || of.is_empty || of.expires) return false;
  if (!certain(interest, of)) return false;
  if (!is_acknowledged(of.qos) || !is_acknowledged(interest.options.qos)) return false;
  return !is_own(session, interest, of);
}

void Oracle::check_session(const Generation& session) {
  for (const Publication& of : publications_) {
    for (const Interest& each : session.interests) {
      if (!each.group.empty() || !must_have(session, each, of)) continue;
      if (!session.receipts.contains(of.number)) {
        return fail(fmt::format("client {} never receives {} for \"{}\"", session.client, name(of),
                                each.filter));
      }
    }
  }
}

/// Whoever asks for retained messages has the last one of each topic: as a replay, as a live
/// message, and also when it was published just while the subscription was made.
void Oracle::check_last_values(const Generation& session,
                               const std::vector<const Publication*>& last) {
  for (const Publication* of : last) {
    for (const Interest& each : session.interests) {
      if (!each.group.empty() || each.certain_from == kNever || each.certain_until != kNever)
        continue;
      if (each.options.retain_handling != mqtt::RetainHandling::send) continue;
      if (!wants(each, *of) || is_own(session, each, *of)) continue;
      // A replay that was under way is not taken up again.
      if (each.possible_from < died_) continue;
      if (!is_acknowledged(each.options.qos) || session.receipts.contains(of->number)) continue;
      return fail(fmt::format("client {} never receives {}, the last one, for \"{}\"",
                              session.client, name(*of), each.filter));
    }
  }
}

/// What a group's subscription of one session means for a publication that some member should have.
void Oracle::note_member(const Generation& session, const Interest& interest, const Publication& of,
                         GroupFate& fate) const {
  const bool ended = session.ended != kNever && possible(interest, of);
  const bool forgets = allowed_.group_losses || (allowed_.group_losses_after_death && died_ != 0);
  const bool may_lose =
      !is_acknowledged(interest.options.qos) ||
      // What was sent at QoS 2 is not given to another member when the session ends [MQTT-4.8.2-5].
      (ended && delivered_at(interest, of) == Qos::exactly_once) ||
      // A member whose session is not kept takes what it was given with it when the broker dies.
      (ended && died_ > of.sent) || (ended && forgets);
  fate.is_lossy = fate.is_lossy || may_lose;
  fate.has = fate.has || session.receipts.contains(of.number);
  fate.is_owed = fate.is_owed || (session.ended == kNever && must_have(session, interest, of));
}

/// Somebody in the group has what all of its members that stayed should have.
void Oracle::check_group(const std::string& group, const std::string& filter) {
  for (const Publication& of : publications_) {
    GroupFate fate;
    for (const Generation& session : generations_) {
      for (const Interest& each : session.interests) {
        if (each.group == group && each.filter == filter) note_member(session, each, of, fate);
      }
    }
    if (fate.is_owed && !fate.is_lossy && !fate.has) {
      return fail(fmt::format("nobody of $share/{}/{} receives {}", group, filter, name(of)));
    }
  }
}

void Oracle::check_at_rest() {
  tick();
  if (allowed_.drops) return;
  std::vector<const Publication*> last;
  for (const std::string& topic : retained_topics()) {
    const std::vector<const Publication*> values = last_values(topic);
    if (values.size() != 1) continue;  // Two may have been published at the same time.
    const Publication& of = *values.front();
    const bool stays = of.acknowledged && is_acknowledged(of.qos) && !of.is_empty && !of.expires;
    if (stays && !of.is_will) last.push_back(&of);
  }
  std::set<std::pair<std::string, std::string>> groups;
  for (const Generation& session : generations_) {
    for (const Interest& each : session.interests) {
      if (!each.group.empty()) groups.emplace(each.group, each.filter);
    }
    if (session.ended != kNever) continue;
    check_session(session);
    check_last_values(session, last);
  }
  for (const auto& [group, filter] : groups) check_group(group, filter);
}

std::set<std::string> Oracle::retained_topics() const {
  std::set<std::string> topics;
  for (const Publication& of : publications_) {
    if (of.retain) topics.insert(of.topic);
  }
  return topics;
}

/// Retained publications that no later one has replaced for certain.
std::vector<const Publication*> Oracle::last_values(const std::string& topic) const {
  std::vector<const Publication*> all;
  for (const Publication& of : publications_) {
    if (of.retain && of.topic == topic) all.push_back(&of);
  }
  std::vector<const Publication*> last;
  for (const Publication* of : all) {
    const bool replaced = std::ranges::any_of(all, [of](const Publication* other) {
      return other->acknowledged && !other->is_will && of->done < other->sent;
    });
    // A refused one, and a will that never came, are no values.
    const bool refused = !of->acknowledged && of->done != kNever && is_acknowledged(of->qos);
    if (!replaced && !refused && !of->must_not_arrive) last.push_back(of);
  }
  return last;
}

/// Nothing retained there for certain?
bool Oracle::may_be_empty(const std::string& topic) const {
  const std::vector<const Publication*> last = last_values(topic);
  return std::ranges::none_of(last, [](const Publication* of) { return of->acknowledged; }) ||
         std::ranges::any_of(last,
                             [](const Publication* of) { return of->is_empty || of->expires; });
}

void Oracle::check_retained(const std::map<std::string, std::string>& found) {
  tick();
  for (const std::string& topic : retained_topics()) {
    const auto at = found.find(topic);
    check_value(topic, at == found.end() ? nullptr : &at->second, "with the broker");
  }
}

void Oracle::check_disk(const Found& found) {
  tick();
  std::map<std::string_view, const broker::RestoredSession*> sessions;
  for (const broker::RestoredSession& each : found.sessions) {
    if (!sessions.emplace(each.record.client_id, &each).second) {
      return fail(fmt::format("two sessions of {} are on the disk", each.record.client_id));
    }
  }
  for (const Generation& session : generations_) {
    if (session.ended != kNever || !session.is_durable) continue;
    const auto kept = sessions.find(fmt::format("c{}", session.client));
    if (kept == sessions.end()) {
      return fail(fmt::format("the session of client {} is not on the disk", session.client));
    }
    if (session.is_doubtful) continue;
    check_subscriptions(session, *kept->second);
    if (!allowed_.drops) check_queue(session, *kept->second);
  }
  std::map<std::string_view, std::string> retained;
  for (const auto& message : found.retained) {
    retained[message->topic()] = as_text(message->payload());
  }
  for (const std::string& topic : retained_topics()) {
    const auto kept = retained.find(topic);
    check_value(topic, kept == retained.end() ? nullptr : &kept->second, "on the disk");
  }
}

/// What was acknowledged and not received yet waits for the session on the disk.
void Oracle::check_queue(const Generation& session, const broker::RestoredSession& kept) {
  std::set<std::string_view> queued;
  for (const broker::RestoredSession::Entry& entry : kept.queue) {
    if (entry.message) queued.insert(as_text(entry.message->payload()));
  }
  for (const Publication& of : publications_) {
    if (!of.acknowledged || session.receipts.contains(of.number)) continue;
    const bool is_owed = std::ranges::any_of(session.interests, [&](const Interest& each) {
      return each.group.empty() && must_have(session, each, of);
    });
    if (!is_owed || queued.contains(payload(of.number))) continue;
    return fail(fmt::format("{} was acknowledged and is not on the disk for client {}", name(of),
                            session.client));
  }
}

/// What SUBACK promised is there, what UNSUBACK took away is not.
void Oracle::check_subscriptions(const Generation& session, const broker::RestoredSession& kept) {
  const auto filter_of = [](const Interest& each) {
    return each.group.empty() ? each.filter : fmt::format("$share/{}/{}", each.group, each.filter);
  };
  const auto options_of = [](const Interest& each) {
    return static_cast<uint8_t>(value(each.options.qos) | (each.options.no_local ? 4U : 0U) |
                                (each.options.retain_as_published ? 8U : 0U) |
                                static_cast<unsigned>(each.options.retain_handling) << 4);
  };
  std::map<std::string, uint8_t> found;
  for (const auto& each : kept.subscriptions) found[each.filter] = each.options;
  for (const Interest& each : session.interests) {
    if (each.certain_from == kNever || each.certain_until != kNever) continue;
    const std::string filter = filter_of(each);
    const auto at = found.find(filter);
    if (at == found.end() || at->second != options_of(each)) {
      return fail(fmt::format("client {} subscribed to \"{}\", which is not {}", session.client,
                              filter, at == found.end() ? "on the disk" : "so on the disk"));
    }
  }
  for (const auto& entry : found) {
    const std::string& filter = entry.first;
    const bool is_possible = std::ranges::any_of(session.interests, [&](const Interest& each) {
      return each.possible_until == kNever && filter_of(each) == filter;
    });
    if (is_possible) continue;
    return fail(fmt::format("client {} is subscribed to \"{}\" on the disk, and must not be",
                            session.client, filter));
  }
}

/// `value` is what a topic retains; null: nothing.
void Oracle::check_value(const std::string& topic, const std::string* value,
                         std::string_view where) {
  if (value == nullptr) {
    if (!may_be_empty(topic)) {
      fail(fmt::format("the retained message of \"{}\" is not {}", topic, where));
    }
    return;
  }
  const auto number = number_of(*value);
  if (!number) return;
  const std::vector<const Publication*> last = last_values(topic);
  if (std::ranges::any_of(last, [&](const Publication* of) { return of->number == *number; })) {
    return;
  }
  fail(fmt::format("\"{}\" retains {} {}, which was replaced", topic, name(publications_[*number]),
                   where));
}

}  // namespace tombo::sim
