#include "migration/incoming.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mqtt/topic.h"

namespace tombo::migration {
namespace {

constexpr uint8_t kQosBits = 0x03;
constexpr uint8_t kNoLocal = 0x04;
constexpr uint8_t kRetainAsPublished = 0x08;

using Subscription = Database::Subscription;

/// Subscriptions of the file by what they match.
class Subscribers {
 public:
  struct Subscriber {
    size_t session = 0;
    const Subscription* subscription = nullptr;
    std::string_view group{};  ///< empty: not shared
  };

  explicit Subscribers(const Database& database) {
    for (size_t i = 0; i < database.sessions.size(); ++i) {
      for (const Subscription& each : database.sessions[i].subscriptions) add(i, each);
    }
  }

  /// In the order of sessions.
  [[nodiscard]] std::vector<Subscriber> matching(std::string_view topic) const {
    std::vector<Subscriber> found;
    const auto [first, last] = exact_.equal_range(topic);
    for (auto at = first; at != last; ++at) found.push_back(at->second);
    for (const auto& [filter, subscriber] : wild_) {
      if (mqtt::topic_matches(filter, topic)) found.push_back(subscriber);
    }
    std::ranges::stable_sort(found, {}, &Subscriber::session);
    return found;
  }

 private:
  void add(size_t session, const Subscription& subscription) {
    Subscriber subscriber{session, &subscription};
    std::string_view filter = subscription.filter;
    if (const auto shared = mqtt::parse_shared(filter)) {
      // Two filters of one group are two subscriptions.
      subscriber.group = filter;
      filter = shared->filter;
    }
    if (mqtt::has_wildcard(filter)) {
      wild_.emplace_back(filter, subscriber);
    } else {
      exact_.emplace(filter, subscriber);
    }
  }

  std::unordered_multimap<std::string_view, Subscriber> exact_;
  std::vector<std::pair<std::string_view, Subscriber>> wild_;
};

void deliver(const Incoming& each, const Subscribers& subscribers, Database& database) {
  const mosquitto_db::Message& message = database.messages[each.message];
  std::set<std::string_view> served_groups;
  Database::Entry* last = nullptr;
  size_t last_session = SIZE_MAX;
  for (const auto& [at, subscription, group] : subscribers.matching(message.topic)) {
    Database::Session& session = database.sessions[at];
    const bool is_own =
        (subscription->options & kNoLocal) != 0 && session.client_id == each.publisher;
    const uint8_t qos = std::min<uint8_t>(subscription->options & kQosBits, message.qos);
    if (is_own || qos == 0) continue;
    if (!group.empty() && !served_groups.insert(group).second) continue;
    // One copy for a session, at the highest QoS that matches.
    if (last == nullptr || last_session != at) {
      last = &session.queue.emplace_back(Database::Entry{.message = each.message, .qos = qos});
      last_session = at;
    }
    last->qos = std::max(last->qos, qos);
    if ((subscription->options & kRetainAsPublished) != 0) last->retain = message.retain != 0;
    if (subscription->identifier != 0) last->subscription_ids.push_back(subscription->identifier);
  }
}

}  // namespace

void deliver_incoming(std::span<const Incoming> incoming, Database& database,
                      std::unordered_map<std::string_view, size_t>& retained) {
  if (incoming.empty()) return;
  const Subscribers subscribers(database);
  for (const Incoming& each : incoming) {
    deliver(each, subscribers, database);
    const mosquitto_db::Message& message = database.messages[each.message];
    if (message.retain == 0) continue;
    if (message.payload.empty()) {
      retained.erase(message.topic);
    } else {
      retained[message.topic] = each.message;
    }
  }
}

}  // namespace tombo::migration
