#include "broker/refusal.h"

#include "base/hash.h"
#include "broker/core.h"
#include "broker/limits.h"
#include "mqtt/utf8.h"

// What is refused is counted, logged with its cause, and explained to the client.
namespace tombo::broker {

using mqtt::PropertyId;
using mqtt::Version;

namespace {

/// Beside the values of Refused, with which other causes are hashed.
constexpr uint64_t kRefusedAgain = 0x100;

Access access_of(Refused what) {
  switch (what) {
    case Refused::publish:
    case Refused::will:
      return Access::write;
    case Refused::subscribe:
      return Access::subscribe;
    case Refused::delivery:
      return Access::read;
  }
  return Access::read;
}

std::string_view name_of(Refused what) {
  switch (what) {
    case Refused::publish:
      return "PUBLISH to";
    case Refused::subscribe:
      return "SUBSCRIBE to";
    case Refused::delivery:
      return "delivery of";
    case Refused::will:
      return "will to";
  }
  return {};
}

/// `file` as it is to be shown: its path, or for clients its name.
std::string in_words(const Explanation& why, std::string_view file) {
  if (why.line == 0) return fmt::format("acl_file {}: {}", file, why.rule);
  return fmt::format("acl_file {}:{} {}", file, why.line, why.rule);
}

std::string_view shown(std::string_view text) {
  return mqtt::utf8_prefix(text, kRefusalTextMax);
}

}  // namespace

/// Asks for access, and when there is none counts and logs that. `why`, if given, becomes what the
/// client is told.
bool Core::may(Session& session, Refused what, std::string_view topic, std::string* why) {
  if (setup_.authorizer == nullptr) return true;
  const Access access = access_of(what);
  if (session.allowed != nullptr && session.allowed->contains(access, topic)) return true;
  const Identity identity{session.client_id, session.user_name, session.listener};
  const Decision decision = setup_.authorizer->decide(identity, access, topic);
  if (decision.is_allowed()) {
    if (session.allowed == nullptr) session.allowed = std::make_unique<AllowedTopics>();
    session.allowed->add(access, topic);
    return true;
  }
  if (decision.outcome == Outcome::dangerous_name) log_dangerous_name(session);
  count_refused(what);
  // Without a rule each topic that the client chose is a cause of its own; what others publish is
  // one and the same.
  const bool same = decision.line != 0 || decision.outcome == Outcome::dangerous_name ||
                    what == Refused::delivery;
  const uint64_t seed = uint64_t{decision.line} << 16 |
                        static_cast<uint64_t>(decision.outcome) << 8 | static_cast<uint64_t>(what);
  const auto say = say_refused(session, hash64(same ? std::string_view() : topic, seed));
  const Connection* connection = why != nullptr ? connections_.find(session.connection) : nullptr;
  const bool told = connection != nullptr && explains(*connection);
  if (say != LoggedRefusals::Say::cause && !told) return false;
  const Explanation explanation = setup_.authorizer->explain(identity, access, topic, decision);
  if (say == LoggedRefusals::Say::cause) {
    log_refused(session, what, topic, in_words(explanation, explanation.file));
  }
  if (told) *why = text_for_client(*connection, what, explanation);
  return false;
}

/// The rules are for clients that have proved who they are. What a mount point hides stays hidden.
std::string Core::text_for_client(const Connection& connection, Refused what,
                                  const Explanation& why) const {
  if (connection.authenticated && listener(connection.listener).mount_point.empty()) {
    return in_words(why, std::string_view(why.file).substr(why.file.rfind('/') + 1));
  }
  return what == Refused::subscribe ? "not authorized to subscribe to this filter"
                                    : "not authorized to publish to this topic";
}

/// A refusal that no rule but the broker itself makes.
void Core::refused(Session& session, Refused what, std::string_view topic, std::string_view why) {
  count_refused(what);
  if (say_refused(session, hash64(why, static_cast<uint64_t>(what))) ==
      LoggedRefusals::Say::cause) {
    log_refused(session, what, topic, why);
  }
}

/// An authentication of a client that is connected: a login that was refused.
void Core::refused_again(Session& session, std::string_view why) {
  ++stats_.connects_refused;
  if (say_refused(session, hash64(why, kRefusedAgain)) == LoggedRefusals::Say::cause) {
    LOG_TO(log(), LogType::notice, "Client {}: AUTH refused: {}.", session.client_id, shown(why));
  }
}

void Core::count_refused(Refused what) {
  switch (what) {
    case Refused::publish:
    case Refused::will:
      ++stats_.publishes_refused;
      return;
    case Refused::subscribe:
      ++stats_.subscribes_refused;
      return;
    case Refused::delivery:
      ++stats_.deliveries_refused;
      return;
  }
}

LoggedRefusals::Say Core::say_refused(Session& session, uint64_t cause) {
  if (!log().enabled(LogType::notice)) return LoggedRefusals::Say::nothing;
  if (session.refusals == nullptr) session.refusals = std::make_unique<LoggedRefusals>();
  const LoggedRefusals::Say say = session.refusals->note(cause);
  if (say == LoggedRefusals::Say::end) {
    LOG_TO(log(), LogType::notice, "Client {}: further refusals are not logged.",
           session.client_id);
  }
  return say;
}

void Core::log_refused(const Session& session, Refused what, std::string_view topic,
                       std::string_view why) {
  LOG_TO(log(), LogType::notice, "Client {}: {} {} refused: {}.", session.client_id,
         broker::name_of(what), shown(topic), shown(why));
}

/// Mosquitto says it for every message.
void Core::log_dangerous_name(Session& session) {
  if (std::exchange(session.danger_logged, true)) return;
  const bool in_user_name = session.user_name.find_first_of("+#") != std::string::npos;
  LOG_TO(log(), LogType::notice, "ACL denying access to client with dangerous {} \"{}\"",
         in_user_name ? "username" : "client id",
         in_user_name ? session.user_name : session.client_id);
}

void Core::log_refused_connect(const Connection& connection, const mqtt::Connect& packet,
                               std::string_view why) {
  if (!config().connection_messages || !log().enabled(LogType::notice)) return;
  const std::string_view address = connection.address.get();
  const uint64_t from = hash64(address.substr(0, address.rfind(':')), 0);
  if (!recent_refusals_.note(hash64(packet.client_id, hash64(why, from)), now_.time)) return;
  LOG_TO(log(), LogType::notice, "Client {}: CONNECT from {} refused: {}.",
         packet.client_id.empty() ? "<unknown>" : packet.client_id, address, shown(why));
}

bool Core::explains(const Connection& connection) const {
  return config().explain && connection.version == Version::v5 && connection.problem_information;
}

/// The Reason String to send, written to `storage`; nothing for who did not ask for it.
mqtt::Properties Core::reason_string(const Connection& connection, std::string_view why,
                                     Buffer& storage) const {
  storage.clear();
  if (why.empty() || !explains(connection)) return {};
  mqtt::PropertyWriter(storage).text(PropertyId::reason_string, shown(why));
  return mqtt::Properties(storage);
}

}  // namespace tombo::broker
