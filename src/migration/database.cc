#include "migration/database.h"

#include <algorithm>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>

#include <fmt/core.h>

#include "migration/incoming.h"
#include "mosquitto_db/chunk_reader.h"
#include "mosquitto_db/each_chunk.h"
#include "mosquitto_db/property_text.h"
#include "mqtt/topic.h"
#include "mqtt/types.h"
#include "mqtt/utf8.h"
#include "store/frame_index.h"

namespace tombo::migration {
namespace {

namespace db = mosquitto_db;
using Entry = Database::Entry;
using Session = Database::Session;

constexpr int64_t kMsPerSecond = 1000;
/// Beyond this no Message Expiry Interval reaches.
constexpr int64_t kExpiryMost = UINT32_MAX;
/// Messages in one queue: what the store can number, with room for gaps between packet ids.
constexpr size_t kQueueMost = store::FrameIndex::kSpanMax / 2;

bool is_topic(std::string_view topic) {
  return mqtt::valid_topic_name(topic) && mqtt::valid_utf8(topic) &&
         mqtt::level_count(topic) <= mqtt::kTopicLevelsMax;
}

bool is_filter(std::string_view filter) {
  if (!mqtt::valid_utf8(filter) || mqtt::level_count(filter) > mqtt::kTopicLevelsMax) return false;
  if (!mqtt::is_shared(filter)) return mqtt::valid_topic_filter(filter);
  const auto shared = mqtt::parse_shared(filter);
  return shared && mqtt::valid_topic_filter(shared->filter);
}

/// Reserved bits are 0, and Retain Handling is one of three.
bool are_options(uint8_t options) {
  return (options & 0xC0) == 0 && (options & 0x30) != 0x30;
}

/// Things that are passed over, to be told as one line each.
struct Skipped {
  size_t ended = 0;
  size_t nobodys_subscriptions = 0;
  size_t nobodys_messages = 0;
  size_t without_message = 0;
  size_t at_qos_0 = 0;
  size_t without_client_id = 0;
};

/// Takes chunks in the order of the file.
class DatabaseReader {
 public:
  DatabaseReader(Database& out, const ReadOptions& options)
      : out_(out), now_s_(options.now_ms / kMsPerSecond), options_(options) {}

  Result<void> take(const db::Chunk& chunk) {
    return std::visit(
        [&](const auto& body) -> Result<void> {
          using Body = std::decay_t<decltype(body)>;
          if constexpr (std::is_same_v<Body, db::Unknown> || std::is_same_v<Body, db::Config>) {
            return {};
          } else {
            if (const char* wrong = add(body); wrong != nullptr) {
              return Error{fmt::format("corrupt: {}, at byte {}", wrong, chunk.offset)};
            }
            return {};
          }
        },
        chunk.body);
  }

  void finish();

 private:
  // Give what is wrong with the chunk; null: nothing.
  const char* add(const db::Message& message);
  const char* add(const db::Retained& retained);
  const char* add(const db::Client& client);
  const char* add(const db::Subscription& subscription);
  const char* add(const db::ClientMessage& message);

  void add_out(Session& session, const db::ClientMessage& message, size_t at);
  [[nodiscard]] bool ends_before_now(const db::Client& client, Session& session) const;
  /// Null: there is none, or it has ended.
  Session* find_session(std::string_view client_id);
  std::optional<size_t> find_message(uint64_t id) const;
  void order(Session& session) const;
  void warn(size_t count, std::string_view of_what);

  Database& out_;
  int64_t now_s_;
  const ReadOptions& options_;
  std::unordered_map<uint64_t, size_t> messages_;          // kNone: expired.
  std::unordered_map<std::string_view, size_t> sessions_;  // kNone: it has ended.
  std::unordered_map<std::string_view, size_t> retained_;  // By topic.
  std::vector<Incoming> incoming_;
  Skipped skipped_;

  static constexpr size_t kNone = SIZE_MAX;
};

const char* DatabaseReader::add(const db::Message& message) {
  if (!is_topic(message.topic)) return "the topic of a message is not one";
  if (message.qos > 2) return "a message with a QoS that is none";
  if (db::invalid_property(message.properties))
    return "a message with a property that it cannot have";
  if (message.id == 0) return nullptr;  // Mosquitto gives it another id, so nothing refers to it.
  const int64_t left = message.expires_at_s > 0 ? message.expires_at_s - now_s_ : 1;
  const bool lives = left > 0 && left <= kExpiryMost;
  if (!messages_.emplace(message.id, lives ? out_.messages.size() : kNone).second) {
    return "a second message with the same id";
  }
  if (lives) out_.messages.push_back(message);
  return nullptr;
}

const char* DatabaseReader::add(const db::Retained& retained) {
  const std::optional<size_t> at = find_message(retained.message_id);
  if (!at) return nullptr;
  const db::Message& message = out_.messages[*at];
  // What the broker says of itself is made anew.
  if (message.topic.starts_with("$SYS")) return nullptr;
  if (message.payload.empty()) {
    retained_.erase(message.topic);
  } else {
    retained_[message.topic] = *at;
  }
  return nullptr;
}

/// Also finds out since when the client is gone.
bool DatabaseReader::ends_before_now(const db::Client& client, Session& session) const {
  session.disconnected_at_ms = options_.now_ms;
  if (client.expiry_interval_s == 0) return true;
  const bool never = client.expiry_interval_s == db::kNeverExpires;
  if (never && client.disconnected_at_s > 0 && client.disconnected_at_s < now_s_) {
    session.disconnected_at_ms = client.disconnected_at_s * kMsPerSecond;
  }
  if (never && !options_.client_expiration_s) return false;
  int64_t lasts_s = never ? kExpiryMost : client.expiry_interval_s;
  lasts_s = std::min(lasts_s, options_.client_expiration_s.value_or(lasts_s));
  if (client.ends_at_s <= 0) return false;
  if (client.ends_at_s < now_s_) return true;
  // It lasts no longer than that from now on, whatever the file says.
  const int64_t left_s = std::min(client.ends_at_s - now_s_, lasts_s);
  session.disconnected_at_ms = (now_s_ - (lasts_s - left_s)) * kMsPerSecond;
  return false;
}

const char* DatabaseReader::add(const db::Client& client) {
  if (client.client_id.empty()) {
    ++skipped_.without_client_id;
    return nullptr;
  }
  if (!mqtt::valid_utf8(client.client_id)) return "a client id that is not UTF-8";
  const auto [at, is_new] = sessions_.try_emplace(client.client_id, out_.sessions.size());
  if (!is_new) return "a second client with the same id";
  Session session{.client_id = client.client_id,
                  .user_name = client.user_name,
                  .port = client.port,
                  .expiry_interval_s = client.expiry_interval_s};
  if (ends_before_now(client, session)) {
    at->second = kNone;
    ++skipped_.ended;
    return nullptr;
  }
  out_.sessions.push_back(std::move(session));
  return nullptr;
}

const char* DatabaseReader::add(const db::Subscription& subscription) {
  if (!is_filter(subscription.filter)) return "a topic filter that is not one";
  if (subscription.qos > 2) return "a subscription with a QoS that is none";
  if (!are_options(subscription.options)) return "a subscription with options that are none";
  if (subscription.identifier > mqtt::kSubscriptionIdMax) {
    return "a subscription identifier that is too large";
  }
  Session* session = find_session(subscription.client_id);
  if (session == nullptr) {
    if (!sessions_.contains(subscription.client_id)) ++skipped_.nobodys_subscriptions;
    return nullptr;
  }
  session->subscriptions.push_back(
      {.filter = subscription.filter,
       .options = static_cast<uint8_t>((subscription.options & 0x3C) | subscription.qos),
       .identifier = subscription.identifier});
  return nullptr;
}

const char* DatabaseReader::add(const db::ClientMessage& message) {
  if (message.qos > 2) return "a queued message with a QoS that is none";
  if (db::invalid_property(message.properties)) {
    return "a queued message with a property that it cannot have";
  }
  Session* session = find_session(message.client_id);
  if (session == nullptr) {
    if (!sessions_.contains(message.client_id)) ++skipped_.nobodys_messages;
    return nullptr;
  }
  const std::optional<size_t> at = find_message(message.message_id);
  if (message.direction == static_cast<uint8_t>(db::Direction::in)) {
    if (message.qos != 2 || message.packet_id == 0) return nullptr;  // As Mosquitto.
    session->received.push_back(message.packet_id);
    if (at) incoming_.push_back({*at, message.client_id});
    return nullptr;
  }
  if (!at) {
    if (!messages_.contains(message.message_id)) ++skipped_.without_message;
    return nullptr;
  }
  if (message.qos == 0) {
    ++skipped_.at_qos_0;
    return nullptr;
  }
  if (session->queue.size() == kQueueMost) return "a queue that is too long";
  add_out(*session, message, *at);
  return nullptr;
}

void DatabaseReader::add_out(Session& session, const db::ClientMessage& message, size_t at) {
  Entry entry{.message = at,
              .state = Entry::State::queued,
              .qos = message.qos,
              .retain = message.retain != 0,
              .packet_id = message.packet_id};
  const auto state = static_cast<db::State>(message.state);
  if (message.qos == 2 &&
      (state == db::State::wait_for_pubcomp || state == db::State::resend_pubrel)) {
    entry.state = Entry::State::released;
  } else if (state == db::State::wait_for_puback || state == db::State::wait_for_pubrec ||
             (state != db::State::queued && message.dup != 0)) {
    entry.state = Entry::State::sent;
  }
  if (entry.packet_id == 0) entry.state = Entry::State::queued;
  const uint32_t identifier = db::subscription_identifier(message.properties);
  if (identifier != 0) entry.subscription_ids.push_back(identifier);
  session.queue.push_back(std::move(entry));
}

Session* DatabaseReader::find_session(std::string_view client_id) {
  const auto found = sessions_.find(client_id);
  return found == sessions_.end() || found->second == kNone ? nullptr
                                                            : &out_.sessions[found->second];
}

std::optional<size_t> DatabaseReader::find_message(uint64_t id) const {
  const auto found = messages_.find(id);
  if (found == messages_.end() || found->second == kNone) return std::nullopt;
  return found->second;
}

/// What was sent goes first, by packet id: ids are given in turn, from that of the first on.
void DatabaseReader::order(Session& session) const {
  std::vector<Entry>& queue = session.queue;
  const auto was_sent = [](const Entry& entry) { return entry.state != Entry::State::queued; };
  const auto first = std::ranges::find_if(queue, was_sent);
  if (first == queue.end()) return;
  const uint16_t first_id = first->packet_id;
  const auto turn = [first_id](const Entry& entry) {
    return entry.packet_id >= first_id ? entry.packet_id - first_id
                                       : UINT16_MAX - first_id + entry.packet_id;
  };
  const auto queued = std::stable_partition(queue.begin(), queue.end(), was_sent);
  std::ranges::stable_sort(queue.begin(), queued, {}, turn);
  // Of two with one id the client knows one at most.
  for (auto at = queue.begin(); at != queued; ++at) {
    if (at != queue.begin() && at->packet_id == (at - 1)->packet_id)
      at->state = Entry::State::queued;
  }
  std::stable_partition(queue.begin(), queued, was_sent);
}

void DatabaseReader::warn(size_t count, std::string_view of_what) {
  if (count != 0) out_.warnings.push_back(fmt::format("{} {}, passed over", count, of_what));
}

void DatabaseReader::finish() {
  for (Session& session : out_.sessions) order(session);
  deliver_incoming(incoming_, out_, retained_);
  for (const auto& [topic, message] : retained_) out_.retained.push_back(message);
  std::ranges::sort(out_.retained);
  warn(skipped_.ended, "sessions that have ended");
  warn(skipped_.without_client_id, "clients without a client id");
  warn(skipped_.nobodys_subscriptions, "subscriptions of clients that are not in the file");
  warn(skipped_.nobodys_messages, "queued messages of clients that are not in the file");
  warn(skipped_.without_message, "queued messages whose content is not in the file");
  warn(skipped_.at_qos_0, "queued messages of QoS 0, which are kept in memory only");
}

}  // namespace

Result<Database> read_database(Bytes file, const ReadOptions& options) {
  Result<db::ChunkReader> reader = db::ChunkReader::open(file);
  if (!reader) return reader.error();
  Database database;
  database.format = reader->format();
  DatabaseReader taker(database, options);
  for (;;) {
    const Result<std::optional<db::Chunk>> chunk = reader->next();
    if (!chunk) return chunk.error();
    if (!chunk->has_value()) break;
    if (const Result<void> taken = taker.take(**chunk); !taken) return taken.error();
  }
  taker.finish();
  for (std::string& warning : reader->warnings()) database.warnings.push_back(std::move(warning));
  return database;
}

}  // namespace tombo::migration
