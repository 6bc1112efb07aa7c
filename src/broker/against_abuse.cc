#include <algorithm>

#include "broker/core.h"
#include "mqtt/topic.h"

// The limits against abuse on what a client sends (config/limits.h). What one refuses is counted,
// and said in the log once a connection, with the name of the option.
namespace tombo::broker {

using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::Reason;
using mqtt::Version;

void Core::log_limit(Peer peer, LimitHit hit, std::string_view what, std::string_view why) {
  count(hit);
  const auto bit = static_cast<uint16_t>(1U << static_cast<unsigned>(hit));
  if ((peer.connection.limits_logged & bit) != 0) return;
  peer.connection.limits_logged = static_cast<uint16_t>(peer.connection.limits_logged | bit);
  LOG_TO(log(), LogType::notice, "Client {}: {}: {}.", name_of(peer.connection), what, why);
}

bool Core::too_deep(std::string_view topic) const {
  const uint32_t limit = config().limits.max_topic_levels;
  return limit < config::kTopicLevelsMax && mqtt::level_count(topic) > limit;
}

/// Why these user properties are too many; empty: they are not.
std::string Core::check_user_properties(const mqtt::Properties& properties) const {
  const config::Limits& limits = config().limits;
  if (properties.empty() ||
      (limits.max_user_properties == 0 && limits.max_user_property_bytes == 0)) {
    return {};
  }
  uint64_t count = 0;
  uint64_t bytes = 0;
  for (const mqtt::Property& property : properties) {
    if (property.id != PropertyId::user_property) continue;
    ++count;
    bytes += property.text.size() + property.value.size();
  }
  if (limits.max_user_properties != 0 && count > limits.max_user_properties) {
    return fmt::format("more than {} user properties (max_user_properties)",
                       limits.max_user_properties);
  }
  if (limits.max_user_property_bytes != 0 && bytes > limits.max_user_property_bytes) {
    return fmt::format("more than {} bytes of user properties (max_user_property_bytes)",
                       limits.max_user_property_bytes);
  }
  return {};
}

bool Core::check_connect_limits(Peer peer, const mqtt::Connect& packet) {
  std::string why = check_user_properties(packet.properties);
  if (why.empty() && packet.will) why = check_user_properties(packet.will->properties);
  if (!why.empty()) {
    count(LimitHit::user_properties);
    refuse(peer, packet, Reason::quota_exceeded, why);
    return false;
  }
  if (!packet.will) return true;
  const config::Limits& limits = config().limits;
  const size_t size = packet.will->topic.size() + packet.will->properties.raw().size() +
                      packet.will->payload.size();
  if (limits.max_will_size != 0 && size > limits.max_will_size) {
    count(LimitHit::will_size);
    refuse(peer, packet, Reason::packet_too_large,
           fmt::format("will of more than {} bytes (max_will_size)", limits.max_will_size));
    return false;
  }
  if (too_deep(packet.will->topic)) {
    count(LimitHit::topic_levels);
    refuse(peer, packet, Reason::topic_name_invalid,
           fmt::format("will topic with more than {} levels (max_topic_levels)",
                       limits.max_topic_levels));
    return false;
  }
  return true;
}

/// What ends the connection, as a topic that no client may send does.
bool Core::check_publish_limits(Peer peer, const mqtt::Publish& packet) {
  if (!too_deep(packet.topic)) return true;
  count(LimitHit::topic_levels);
  const std::string why = fmt::format("topic with more than {} levels (max_topic_levels)",
                                      config().limits.max_topic_levels);
  malformed(peer, PacketType::publish, {Reason::topic_name_invalid, 0, why});
  return false;
}

/// Is there room for this subscription, or has the session got it already?
bool Core::subscription_fits(Session& session, std::string_view filter) {
  const uint32_t limit = config().limits.max_subscriptions_per_client;
  if (limit == 0) return true;
  const size_t shared = session.shared == nullptr ? 0 : session.shared->size();
  if (session.subscriptions.size() + shared < limit) return true;
  if (mqtt::is_shared(filter)) {
    const std::string_view name = filter.substr(sizeof("$share/") - 1);
    return session.shared != nullptr &&
           std::any_of(session.shared->begin(), session.shared->end(),
                       [&](const SharedMembership& each) { return each.name == name; });
  }
  const TopicTree::Leaf leaf = tree_.find(filter);
  return leaf != TopicTree::kNone && subscription_index(session, leaf).has_value();
}

/// A filter that a limit forbids gets its reason code, and `why` for SUBACK; else success.
Reason Core::refuse_subscription(Session& session, const mqtt::Subscription& entry,
                                 std::string_view filter, std::string& why) {
  const Peer peer{session.connection, connections_.at(session.connection)};
  const config::Limits& limits = config().limits;
  Reason reason = Reason::success;
  const auto shared = mqtt::parse_shared(entry.filter);
  if (too_deep(shared ? shared->filter : entry.filter)) {
    why =
        fmt::format("filter with more than {} levels (max_topic_levels)", limits.max_topic_levels);
    log_limit(peer, LimitHit::topic_levels, "SUBSCRIBE refused", why);
    reason = Reason::topic_filter_invalid;
  } else if (!subscription_fits(session, filter)) {
    why = fmt::format("more than {} subscriptions (max_subscriptions_per_client)",
                      limits.max_subscriptions_per_client);
    log_limit(peer, LimitHit::subscriptions, "SUBSCRIBE refused", why);
    reason = Reason::quota_exceeded;
  }
  if (reason == Reason::success || peer.connection.version == Version::v5) return reason;
  return Reason::unspecified_error;
}

}  // namespace tombo::broker
