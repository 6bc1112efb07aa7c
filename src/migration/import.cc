#include "migration/import.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mosquitto_db/property_text.h"
#include "store/durable_state.h"

namespace tombo::migration {
namespace {

using broker::StoreOp;
using Entry = Database::Entry;
using Session = Database::Session;

constexpr int64_t kMsPerSecond = 1000;
constexpr uint8_t kRetainBit = 4;

/// The sequences of a queue: what was sent has those whose packet ids are its own, what waits
/// follows.
class Numbering {
 public:
  uint64_t next(const Entry& entry) {
    if (entry.state != Entry::State::queued || is_first_) {
      const uint16_t wanted = entry.packet_id == 0 ? uint16_t{1} : entry.packet_id;
      const uint16_t given = store::packet_id_of(next_);
      next_ += wanted >= given ? wanted - given : UINT16_MAX - given + wanted;
    }
    is_first_ = false;
    return next_++;
  }

  /// Of what is queued later.
  [[nodiscard]] uint64_t end() const { return next_; }

 private:
  uint64_t next_ = 0;
  bool is_first_ = true;
};

class Import {
 public:
  Import(const Database& database, const ListenerOfPort& listener_of, store::FrameStore& store)
      : database_(database),
        listener_of_(listener_of),
        state_(store),
        places_(database.messages.size()) {}

  Result<Summary> run() {
    // Knows that the store is empty.
    Result<void> done = state_.load([](auto) {}, [](auto) {});
    for (size_t i = 0; done && i < database_.sessions.size(); ++i) {
      add_session(i);
      done = submit(false);
    }
    // Message by message, so that one that many wait for is written once.
    for (size_t i = 0; done && i < database_.messages.size(); ++i) {
      add_message(i);
      done = submit(false);
    }
    for (size_t i = 0; done && i < database_.retained.size(); ++i) {
      add_retained(database_.messages[database_.retained[i]]);
      done = submit(false);
    }
    if (done) done = submit(true);
    if (!done) return done.error();
    return summary_;
  }

 private:
  /// A place in a queue that waits for its message.
  struct Place {
    broker::SessionKey session = 0;
    uint64_t sequence = 0;
    const Entry* entry = nullptr;
  };

  StoreOp& op(StoreOp::Kind kind, broker::SessionKey key) {
    StoreOp& made = batch_.ops.emplace_back();
    made.kind = kind;
    made.key = key;
    return made;
  }

  /// Commits when there is enough, or `all` is to be on the disk.
  Result<void> submit(bool all) {
    state_.add(std::exchange(batch_, {}));
    if (!all && !state_.is_full()) return {};
    return state_.commit();
  }

  void add_session(size_t index) {
    const Session& session = database_.sessions[index];
    const broker::SessionKey key = index + 1;
    ++summary_.sessions;
    summary_.subscriptions += session.subscriptions.size();
    Numbering numbering;
    auto record = std::make_unique<broker::SessionRecord>();
    for (const Entry& entry : session.queue) {
      const bool was_sent = entry.state != Entry::State::queued;
      if (was_sent) ++record->inflight;
      ++(was_sent ? summary_.in_flight : summary_.queued);
      places_[entry.message].push_back({key, numbering.next(entry), &entry});
    }
    record->client_id = session.client_id;
    record->user_name = session.user_name;
    record->expiry_interval_s = session.expiry_interval_s;
    record->listener = listener_of_(session.port);
    record->disconnected_at_ms = std::max<int64_t>(session.disconnected_at_ms, 1);
    record->next_sequence = numbering.end();
    op(StoreOp::Kind::session_put, key).session = std::move(record);
    for (const Database::Subscription& each : session.subscriptions) {
      StoreOp& put = op(StoreOp::Kind::subscription_put, key);
      put.text = each.filter;
      put.bits = each.options;
      put.number = each.identifier;
    }
    for (const uint16_t packet_id : session.received) {
      op(StoreOp::Kind::received_add, key).packet_id = packet_id;
    }
  }

  void add_message(size_t index) {
    const std::vector<Place>& places = places_[index];
    if (places.empty()) return;
    const SharedRef<const mqtt::Message> message = make(database_.messages[index], false);
    for (const Place& place : places) {
      StoreOp& add = op(StoreOp::Kind::queue_add, place.session);
      add.message = message;
      add.sequence = place.sequence;
      add.bits = static_cast<uint8_t>(place.entry->qos | (place.entry->retain ? kRetainBit : 0));
      add.subscription_ids = place.entry->subscription_ids;
      if (place.entry->state != Entry::State::released) continue;
      op(StoreOp::Kind::queue_released, place.session).packet_id = place.entry->packet_id;
    }
  }

  void add_retained(const mosquitto_db::Message& message) {
    ++summary_.retained;
    op(StoreOp::Kind::retained_set, 0).message = make(message, true);
  }

  [[nodiscard]] SharedRef<const mqtt::Message> make(const mosquitto_db::Message& of,
                                                    bool retained) const {
    mqtt::MessageParts parts{.topic = of.topic,
                             .properties = mosquitto_db::valid_part(of.properties),
                             .payload = of.payload,
                             .qos = static_cast<mqtt::Qos>(of.qos),
                             .retain = retained || of.retain != 0,
                             .expires_at_ms = std::max<int64_t>(of.expires_at_s, 0) * kMsPerSecond};
    if (retained && !of.client_id.empty()) {
      parts.source = mqtt::MessageSource{of.client_id, of.user_name, listener_of_(of.port)};
    }
    SharedRef<const mqtt::Message> message = mqtt::Message::make(parts);
    message->share_across_shards();
    return message;
  }

  const Database& database_;
  const ListenerOfPort& listener_of_;
  store::DurableState state_;
  std::vector<std::vector<Place>> places_;  // By message.
  broker::StoreBatch batch_;
  Summary summary_;
};

}  // namespace

Result<Summary> import_database(const Database& database, const ListenerOfPort& listener_of,
                                store::FrameStore& store) {
  return Import(database, listener_of, store).run();
}

}  // namespace tombo::migration
