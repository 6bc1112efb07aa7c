#include <algorithm>

#include "broker/core.h"
#include "broker/limits.h"
#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "mqtt/topic.h"

// SUBSCRIBE and UNSUBSCRIBE.
namespace tombo::broker {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::Qos;
using mqtt::Reason;
using mqtt::Version;

void Core::on_subscribe(Peer peer, const mqtt::Frame& frame) {
  Connection& connection = peer.connection;
  mqtt::Subscribe packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, connection.version, packet, error)) {
    return malformed(peer, frame.type(), error);
  }
  Session& session = sessions_.at(connection.session);
  LOG_TO(log(), LogType::debug, "Received SUBSCRIBE from {}", session.client_id);
  const uint32_t subscription_id =
      packet.properties.number(PropertyId::subscription_identifier).value_or(0);
  // SUBACK may wait for other shards: for groups that live there, so that a publish that follows it
  // reaches the group, and for retained messages, so that one that follows it does not come twice.
  // The first step is this packet itself.
  const uint32_t request = ++session.next_request;
  auto& subscribing = connection.subscribing;
  if (subscribing == nullptr) subscribing = std::make_unique<std::vector<PendingSubscribe>>();
  subscribing->push_back({.packet_id = packet.packet_id, .request = request, .remaining = 1});
  Buffer reasons;
  SubscribeContext context{.subscription_id = subscription_id, .request = request};
  mqtt::Subscription entry;
  while (packet.filters.next(entry)) {
    reasons.push_back(mqtt::value(subscribe_one(session, entry, context)));
  }
  PendingSubscribe& answer = *find_subscribing(connection, request);
  answer.reasons = std::move(reasons);
  answer.why = std::move(context.why);
  subscribe_step(session, request);
  if (subscribing != nullptr && subscribing->size() >= kSubscribingMax) {
    set_reading(peer, Connection::pause_subscribe, true);
  }
}

Reason Core::subscribe_one(Session& session, const mqtt::Subscription& entry,
                           SubscribeContext& context) {
  const uint32_t subscription_id = context.subscription_id;
  const uint32_t request = context.request;
  const SessionId id = sessions_.find(session.client_id);
  Connection& connection = connections_.at(session.connection);
  bool waits = false;
  mqtt::SubscribeOptions options = entry.options;
  options.qos = std::min(options.qos, static_cast<Qos>(connection.max_qos_in));
  if (connection.bridge) {
    // A bridge (level bit 0x80) must not get back what it sent, and wants the retain flag.
    options.no_local = true;
    options.retain_as_published = true;
  }
  LOG_TO(log(), LogType::debug, "\t{} (QoS {})", entry.filter, mqtt::value(options.qos));
  const std::string filter = mounted_filter(entry.filter, connection);
  if (!may(session, Refused::subscribe, filter, context.why.empty() ? &context.why : nullptr)) {
    if (connection.version == Version::v5) return Reason::not_authorized;
    // 3.1 has no code for it: as in Mosquitto the answer is a QoS, although nothing will come.
    return connection.version == Version::v3_1_1 ? Reason::unspecified_error
                                                 : static_cast<Reason>(options.qos);
  }
  const Reason refused = refuse_subscription(session, entry, filter, context.why);
  if (refused != Reason::success) return refused;
  if (mqtt::is_shared(filter)) {
    const std::string_view name = std::string_view(filter).substr(sizeof("$share/") - 1);
    waits = join_group(id, session, {name, pack(options), subscription_id}, request);
  } else {
    const bool fresh = add_subscription(id, session, filter, {pack(options), subscription_id});
    if (options.retain_handling == mqtt::RetainHandling::send ||
        (options.retain_handling == mqtt::RetainHandling::send_if_new && fresh)) {
      // [MQTT-3.3.1-9] [MQTT-3.3.1-10]
      waits = start_replay(id, session,
                           {.filter = filter,
                            .options = pack(options),
                            .subscription_id = subscription_id,
                            .subscribing = request});
    }
  }
  if (waits) ++find_subscribing(connection, request)->remaining;
  if (keeps() && !session.clean) {
    StoreOp& op = record_promise(StoreOp::Kind::subscription_put, session);
    op.text = filter;
    op.number = subscription_id;
    op.bits = pack(options);
  }
  LOG_TO(log(), LogType::subscribe, "{} {} {}", session.client_id, mqtt::value(options.qos),
         entry.filter);
  return static_cast<Reason>(options.qos);
}

/// The filter below the listener's mount point; behind $share/GROUP/ for shared ones.
std::string Core::mounted_filter(std::string_view filter, const Connection& connection) const {
  const std::string& mount_point = listener(connection.listener).mount_point;
  if (mount_point.empty()) return std::string(filter);
  const auto shared = mqtt::parse_shared(filter);
  if (!shared) return mount_point + std::string(filter);
  return fmt::format("$share/{}/{}{}", shared->group, mount_point, shared->filter);
}

/// Enters a subscription, or gives one that exists its new options [MQTT-3.8.4-3]. Returns whether
/// it is new.
bool Core::add_subscription(SessionId id, Session& session, std::string_view filter,
                            SubscriptionFacts facts) {
  bool new_leaf = false;
  const TopicTree::Leaf leaf = tree_.find_or_add(filter, new_leaf);
  // The interest is known to all shards before SUBACK leaves: who publishes after it is heard.
  if (new_leaf) tree_.interest(leaf) = interest_.add(filter);
  if (!new_leaf) {
    if (const auto index = subscription_index(session, leaf)) {
      Subscriber& known = tree_.subscribers(leaf)[session.subscriptions[*index].position];
      known.options = facts.options;
      known.subscription_id = facts.subscription_id;
      return false;
    }
  }
  const auto back = static_cast<uint32_t>(session.subscriptions.size());
  const uint32_t position = tree_.add(leaf, {.index = id.index,
                                             .subscription_id = facts.subscription_id,
                                             .back = back,
                                             .options = facts.options,
                                             .is_group = false});
  session.subscriptions.push_back({leaf, position});
  ++stats_.subscriptions;
  return true;
}

/// Where in the session's list the subscription at `leaf` stands: looks through the shorter of the
/// session's subscriptions and the leaf's subscribers.
std::optional<size_t> Core::subscription_index(const Session& session, TopicTree::Leaf leaf) {
  const auto subscribers = tree_.subscribers(leaf);
  if (subscribers.size() < session.subscriptions.size()) {
    for (const Subscriber& subscriber : subscribers) {
      if (!subscriber.is_group && sessions_.at_index(subscriber.index) == &session) {
        return subscriber.back;
      }
    }
    return std::nullopt;
  }
  for (size_t i = 0; i < session.subscriptions.size(); ++i) {
    if (session.subscriptions[i].leaf == leaf) return i;
  }
  return std::nullopt;
}

bool Core::remove_subscription(Session& session, std::string_view filter) {
  const TopicTree::Leaf leaf = tree_.find(filter);
  if (leaf == TopicTree::kNone) return false;
  const auto index = subscription_index(session, leaf);
  if (!index) return false;
  remove_subscription_at(session, *index);
  return true;
}

void Core::remove_subscription_at(Session& session, size_t index) {
  const SessionSubscription gone = session.subscriptions[index];
  remove_from_leaf(gone.leaf, gone.position);
  // The last entry takes the place; its subscriber learns where it stands now.
  if (index + 1 < session.subscriptions.size()) {
    const SessionSubscription moved = session.subscriptions.back();
    session.subscriptions[index] = moved;
    tree_.subscribers(moved.leaf)[moved.position].back = static_cast<uint32_t>(index);
  }
  session.subscriptions.pop_back();
  --stats_.subscriptions;
}

void Core::remove_from_leaf(TopicTree::Leaf leaf, uint32_t position) {
  if (const Subscriber* moved = tree_.remove(leaf, position)) {
    if (moved->is_group) {
      groups_.at_index(moved->index).position = position;
    } else {
      sessions_.at_index(moved->index)->subscriptions[moved->back].position = position;
    }
  }
  if (!tree_.subscribers(leaf).empty()) return;
  interest_.remove(tree_.interest(leaf));
  tree_.drop(leaf);
}

void Core::remove_all_subscriptions(Session& session) {
  while (!session.subscriptions.empty()) {
    remove_subscription_at(session, session.subscriptions.size() - 1);
  }
  session.subscriptions.shrink_to_fit();
}

void Core::on_unsubscribe(Peer peer, const mqtt::Frame& frame) {
  Connection& connection = peer.connection;
  mqtt::Unsubscribe packet;
  mqtt::Malformed error;
  if (!mqtt::decode(frame, connection.version, packet, error)) {
    return malformed(peer, frame.type(), error);
  }
  const SessionId id = connection.session;
  Session& session = sessions_.at(id);
  LOG_TO(log(), LogType::debug, "Received UNSUBSCRIBE from {}", session.client_id);
  PendingSubscribe answer{.packet_id = packet.packet_id};
  mqtt::Subscription entry;
  while (packet.filters.next(entry)) {
    LOG_TO(log(), LogType::debug, "\t{}", entry.filter);
    LOG_TO(log(), LogType::unsubscribe, "{} {}", session.client_id, entry.filter);
    const std::string filter = mounted_filter(entry.filter, connection);
    const bool existed =
        mqtt::is_shared(filter)
            ? leave_group(id, session, std::string_view(filter).substr(sizeof("$share/") - 1))
            : remove_subscription(session, filter);
    if (existed) stop_replay(session, filter);
    if (existed && keeps() && !session.clean) {
      record_promise(StoreOp::Kind::subscription_delete, session).text = filter;
    }
    answer.reasons.push_back(
        mqtt::value(existed ? Reason::success : Reason::no_subscription_existed));
  }
  send_suback(peer, PacketType::unsuback, answer);
}

void Core::send_suback(Peer peer, PacketType type, const PendingSubscribe& answer) {
  Connection& connection = peer.connection;
  LOG_TO(log(), LogType::debug, "Sending {} to {}", mqtt::name(type), name_of(connection));
  mqtt::SubscribeAcknowledgement packet;
  packet.type = type;
  packet.packet_id = answer.packet_id;
  packet.reasons = answer.reasons;
  Buffer properties;
  packet.properties = reason_string(connection, answer.why, properties);
  Buffer bytes;
  mqtt::encode(packet, connection.version, bytes);
  hold_control(peer, sessions_.at(connection.session));
  if (send_sized(peer, bytes) || packet.properties.empty()) return;
  packet.properties = {};  // [MQTT-3.9.2-1]
  bytes.clear();
  mqtt::encode(packet, connection.version, bytes);
  send_sized(peer, bytes);
}

}  // namespace tombo::broker
