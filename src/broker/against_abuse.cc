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

/// How long a client has to wait after this packet of its own.
Duration Core::charge_client(Peer peer, ClientRates& rates, size_t bytes) {
  const uint32_t message_rate = config().limits.max_message_rate_per_client;
  const uint32_t byte_rate = config().limits.max_byte_rate_per_client;
  Duration wait{0};
  if (message_rate != 0) {
    wait = rates.messages.add(1, message_rate, now_.time);
    if (wait > Duration(0)) {
      log_limit(peer, LimitHit::client_rate, "slowed",
                fmt::format("more than {} messages a second (max_message_rate_per_client)",
                            message_rate));
    }
  }
  if (byte_rate != 0) {
    const Duration byte_wait = rates.bytes.add(static_cast<double>(bytes), byte_rate, now_.time);
    if (byte_wait > Duration(0)) {
      log_limit(peer, LimitHit::client_rate, "slowed",
                fmt::format("more than {} bytes a second (max_byte_rate_per_client)", byte_rate));
    }
    wait = std::max(wait, byte_wait);
  }
  return wait;
}

/// How long it has to wait because of all that clients with its user name send.
Duration Core::charge_user(Peer peer, const Session& session, size_t bytes) {
  const config::Limits& limits = config().limits;
  if ((limits.max_message_rate_per_user | limits.max_byte_rate_per_user) == 0 ||
      session.user_name.empty() || setup_.admission == nullptr) {
    return Duration(0);
  }
  const Duration wait = setup_.admission->charge_user(session.user_name, bytes, limits, now_.time);
  if (wait > Duration(0)) {
    log_limit(peer, LimitHit::user_rate, "slowed",
              fmt::format("user '{}' sends too much (max_message_rate_per_user, "
                          "max_byte_rate_per_user)",
                          session.user_name));
  }
  return wait;
}

/// Counts a packet against the rates of its client and user. Over one of them the connection is not
/// read until the average is down again; what was read behind this packet waits as well.
/// Acknowledgements are not counted: how many a client sends is not its choice.
void Core::charge(Peer peer, const mqtt::Frame& frame) {
  const PacketType type = frame.type();
  if (type != PacketType::publish && type != PacketType::subscribe &&
      type != PacketType::unsubscribe) {
    return;
  }
  Session& session = sessions_.at(peer.connection.session);
  if (session.rates == nullptr) {
    session.rates = std::make_unique<ClientRates>();
    session.rates->timer.owner = peer.connection.session.index;
    session.rates->timer.kind = timer_rate;
  }
  const Duration wait = std::max(charge_client(peer, *session.rates, frame.size()),
                                 charge_user(peer, session, frame.size()));
  if (wait <= Duration(0)) return;
  set_reading(peer, Connection::pause_rate, true);
  timers_.arm(session.rates->timer, now_.time + wait);
}

/// The client may send again: first what was read already.
void Core::on_rate_timer(Session& session) {
  Connection* connection = session.online() ? connections_.find(session.connection) : nullptr;
  if (connection == nullptr || (connection->paused_for & Connection::pause_rate) == 0) return;
  const Peer peer{session.connection, *connection};
  set_reading(peer, Connection::pause_login, true);  // until go_on() is through
  set_reading(peer, Connection::pause_rate, false);
  go_on(peer.id);
}

/// A client that goes while it is slowed may have sent DISCONNECT, which forbids its will. What
/// stands before that is lost: or else who breaks connections would know no rate.
void Core::obey_waiting_disconnect(Peer peer) {
  Connection& connection = peer.connection;
  // Of one that is closing nothing counts any more: its session may be another's.
  if (!connection.is_open() || !connection.is_slowed() || connection.partial == nullptr) return;
  const std::unique_ptr<Buffer> rest = std::move(connection.partial);
  for (Bytes left = *rest; !left.empty();) {
    const mqtt::Cut cut = mqtt::cut_frame(left, packet_size_limit(connection));
    if (cut.status != mqtt::CutStatus::complete) return;
    if (cut.frame.type() == PacketType::disconnect) return on_disconnect(peer, cut.frame);
    left = left.subspan(cut.frame.size());
  }
}

/// Is there room for this subscription, or has the session got it already?
bool Core::subscription_fits(Session& session, std::string_view filter) {
  const uint32_t limit = config().limits.max_subscriptions_per_client;
  if (limit == 0) return true;
  const size_t shared = session.shared == nullptr ? 0 : session.shared->size();
  return session.subscriptions.size() + shared < limit || has_subscription(session, filter);
}

bool Core::has_subscription(Session& session, std::string_view filter) {
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
  } else if (const auto full = no_room_for(session, filter); !full.empty()) {
    why = full;
    refused(session, Refused::subscribe, filter, full);
    reason = Reason::quota_exceeded;
  }
  if (reason == Reason::success || peer.connection.version == Version::v5) return reason;
  return Reason::unspecified_error;
}

}  // namespace tombo::broker
