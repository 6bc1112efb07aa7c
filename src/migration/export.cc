#include "migration/export.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mosquitto_db/chunk_writer.h"
#include "mqtt/property.h"
#include "store/durable_state.h"

namespace tombo::migration {
namespace {

namespace db = mosquitto_db;
using broker::RestoredSession;

constexpr int64_t kMsPerSecond = 1000;
constexpr size_t kPieceSize = size_t{1} << 20;
/// PUBREC has come for its QoS 2 message, which is gone: a file of Mosquitto needs one yet. Nobody
/// subscribes to topics that begin with `$` by a wildcard.
constexpr std::string_view kReleasedTopic = "$tombo/released";
constexpr std::string_view kSystemTopics = "$SYS";

/// The second in which it has expired for certain.
int64_t seconds_up(int64_t ms) {
  return (ms + kMsPerSecond - 1) / kMsPerSecond;
}

class Export {
 public:
  Export(store::FrameStore& store, const ExportOptions& options, const FileSink& sink)
      : options_(options), sink_(sink), state_(store, {.queue_in_memory = 0}) {}

  Result<Summary> run() {
    db::append_header(out_);
    // How many messages there are is known at the end only, and no id may be above it.
    db::append(out_, db::Config{.last_id = UINT32_MAX, .shutdown = 1});
    Result<void> done = state_.load(
        [this](RestoredSession session) { sessions_.push_back(std::move(session)); },
        [this](const SharedRef<const mqtt::Message>& message) { add_retained(*message); });
    if (done) {
      std::ranges::sort(sessions_, {}, &RestoredSession::key);
      done = state_.for_each_queued([this](uint64_t session, const RestoredSession::Entry& entry) {
        add_queued(session, entry);
      });
    }
    for (size_t i = 0; done && failed_ && i < sessions_.size(); ++i) add_client(sessions_[i]);
    for (const RestoredSession& session : sessions_) add_subscriptions(session);
    for (uint64_t id = 1; id <= retained_; ++id) {
      db::append(out_, db::Retained{id});
      give(kPieceSize);
    }
    give(1);
    if (!done) return done.error();
    if (!failed_) return failed_.error();
    return summary_;
  }

 private:
  /// An entry of a queue; its message is in the file.
  struct Entry {
    uint64_t sequence = 0;
    uint64_t message = 0;
    uint32_t subscription_id = 0;
    uint8_t bits = 0;
    bool released = false;
  };

  /// Hands on what was put together, if it is `size` bytes or more.
  void give(size_t size) {
    if (out_.size() < size) return;
    if (failed_) failed_ = sink_(out_);
    out_.clear();
  }

  /// Gives its id; 0: it has expired.
  uint64_t add_message(const mqtt::Message& message, bool retained) {
    if (message.expired(options_.now_ms)) return 0;
    db::Message chunk{.id = ++last_id_,
                      .expires_at_s = seconds_up(message.expires_at_ms()),
                      .qos = mqtt::value(message.qos()),
                      .retain = retained || message.retain() ? uint8_t{1} : uint8_t{0},
                      .topic = message.topic(),
                      .payload = message.payload(),
                      .properties = message.properties().raw()};
    const std::optional<mqtt::MessageSource> source = message.source();
    if (source) {
      chunk.client_id = source->client_id;
      chunk.user_name = source->user_name;
      chunk.port = options_.port_of(source->listener);
    }
    db::append(out_, chunk);
    give(kPieceSize);
    return last_id_;
  }

  void add_retained(const mqtt::Message& message) {
    if (message.topic().starts_with(kSystemTopics) || message.payload().empty()) return;
    if (add_message(message, true) == 0) return;
    ++retained_;
    ++summary_.retained;
  }

  void add_queued(uint64_t session, const RestoredSession::Entry& entry) {
    const bool released = !entry.message;
    uint64_t id = 0;
    if (released) {
      id = placeholder();
    } else {
      // One message for many queues comes in a row.
      if (std::exchange(last_message_, entry.message) != entry.message) {
        last_message_id_ = add_message(*entry.message, false);
      }
      id = last_message_id_;
    }
    if (id == 0) return;
    queues_[session].push_back(
        {.sequence = entry.sequence,
         .message = id,
         .subscription_id = entry.subscription_ids.empty() ? 0 : entry.subscription_ids.front(),
         .bits = entry.bits,
         .released = released});
  }

  uint64_t placeholder() {
    if (placeholder_ == 0) {
      placeholder_ = ++last_id_;
      db::append(out_, db::Message{.id = placeholder_, .qos = 2, .topic = kReleasedTopic});
    }
    return placeholder_;
  }

  void add_client(const RestoredSession& session) {
    const broker::SessionRecord& record = session.record;
    if (record.expiry_interval_s == 0) return;
    ++summary_.sessions;
    db::append(out_, db::Client{.ends_at_s = ends_at_s(record),
                                .expiry_interval_s = record.expiry_interval_s,
                                .last_packet_id = last_packet_id(record),
                                .port = options_.port_of(record.listener),
                                .client_id = record.client_id,
                                .user_name = record.user_name});
    const auto found = queues_.find(session.key);
    if (found == queues_.end()) return;
    std::vector<Entry>& queue = found->second;
    std::ranges::sort(queue, {}, &Entry::sequence);
    const bool any = record.disconnected_at_ms == 0 || record.inflight == broker::kAnySent;
    const size_t sent = any ? options_.max_inflight_messages : record.inflight;
    for (size_t i = 0; i < queue.size(); ++i) {
      // Mosquitto would forget that more than its window were sent, and send them as new ones.
      if (queue[i].released && i >= options_.max_inflight_messages) continue;
      add_client_message(record, queue[i], i < sent);
    }
    queues_.erase(found);
  }

  void add_client_message(const broker::SessionRecord& record, const Entry& entry, bool sent) {
    const uint8_t qos = entry.bits & 3;
    db::State state = db::State::queued;
    if (entry.released) {
      state = db::State::wait_for_pubcomp;
    } else if (sent) {
      state = qos == 1 ? db::State::wait_for_puback : db::State::wait_for_pubrec;
    }
    const bool is_queued = state == db::State::queued;
    ++(is_queued ? summary_.queued : summary_.in_flight);
    uint8_t properties[1 + sizeof(uint32_t)];
    size_t size = 0;
    if (entry.subscription_id != 0) {
      properties[0] = static_cast<uint8_t>(mqtt::PropertyId::subscription_identifier);
      size = 1 + mqtt::write_variable(properties + 1, entry.subscription_id);
    }
    db::append(out_, db::ClientMessage{.message_id = entry.message,
                                       .packet_id = store::packet_id_of(entry.sequence),
                                       .qos = qos,
                                       .state = static_cast<uint8_t>(state),
                                       .retain = static_cast<uint8_t>(entry.bits >> 2 & 1),
                                       .dup = is_queued ? uint8_t{0} : uint8_t{1},
                                       .direction = static_cast<uint8_t>(db::Direction::out),
                                       .client_id = record.client_id,
                                       .properties = Bytes(properties, size)});
    give(kPieceSize);
  }

  void add_subscriptions(const RestoredSession& session) {
    if (session.record.expiry_interval_s == 0) return;
    for (const RestoredSession::Subscription& each : session.subscriptions) {
      ++summary_.subscriptions;
      db::append(out_, db::Subscription{.identifier = each.identifier,
                                        .qos = static_cast<uint8_t>(each.options & 0x03),
                                        .options = static_cast<uint8_t>(each.options & 0x3C),
                                        .client_id = session.record.client_id,
                                        .filter = each.filter});
      give(kPieceSize);
    }
  }

  /// When the session ends if its client stays away; 0: never, or not before it does.
  [[nodiscard]] int64_t ends_at_s(const broker::SessionRecord& record) const {
    int64_t lasts_s = record.expiry_interval_s;
    const bool never = record.expiry_interval_s == db::kNeverExpires;
    if (never && (!options_.client_expiration_s || record.disconnected_at_ms == 0)) return 0;
    lasts_s = std::min(lasts_s, options_.client_expiration_s.value_or(lasts_s));
    const int64_t since_ms =
        record.disconnected_at_ms == 0 ? options_.now_ms : record.disconnected_at_ms;
    return since_ms / kMsPerSecond + lasts_s;
  }

  static uint16_t last_packet_id(const broker::SessionRecord& record) {
    return record.next_sequence == 0 ? uint16_t{0} : store::packet_id_of(record.next_sequence - 1);
  }

  const ExportOptions& options_;
  const FileSink& sink_;
  store::DurableState state_;
  std::vector<uint8_t> out_;
  Result<void> failed_;
  std::vector<RestoredSession> sessions_;
  std::unordered_map<uint64_t, std::vector<Entry>> queues_;  // By session.
  uint64_t last_id_ = 0;
  uint64_t retained_ = 0;  // Their ids are the first ones.
  uint64_t placeholder_ = 0;
  SharedRef<const mqtt::Message> last_message_;
  uint64_t last_message_id_ = 0;
  Summary summary_;
};

}  // namespace

Result<Summary> export_database(store::FrameStore& store, const ExportOptions& options,
                                const FileSink& sink) {
  return Export(store, options, sink).run();
}

}  // namespace tombo::migration
