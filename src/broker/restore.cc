#include <algorithm>

#include "broker/core.h"
#include "mqtt/topic.h"

// Sessions come back from the store, before any client does.
namespace tombo::broker {

using mqtt::Qos;

void Core::restore(RestoredSession& found) {
  const SessionRecord& record = found.record;
  if (sessions_.find(record.client_id)) return;  // two shards cannot both have it
  if (setup_.admission != nullptr) static_cast<void>(setup_.admission->enter_session());
  const auto [id, session] = sessions_.add(record.client_id);
  session.client_hash = origin_of(record.client_id);
  session.timer.kind = timer_session;
  session.store_key = found.key;
  session.user_name = record.user_name;
  session.listener = record.listener;
  session.expiry_interval_s = record.expiry_interval_s;
  session.clean = false;
  session.next_sequence = record.next_sequence;
  // Who was connected has lost its connection only now. Should the wall clock have gone back, no
  // time has passed.
  int64_t offline_ms = 0;
  if (record.disconnected_at_ms != 0) {
    offline_ms = std::max<int64_t>(now_.wall_ms - record.disconnected_at_ms, 0);
  }
  session.offline_since = now_.time - Duration(offline_ms);
  if (record.will) {
    session.will = std::make_unique<StoredWill>();
    session.will->message = record.will;
    session.will->delay_s = record.will_delay_s;
    session.will->has_expiry = record.will_expiry_interval_s.has_value();
    session.will->expiry_interval_s = record.will_expiry_interval_s.value_or(0);
  }
  for (const RestoredSession::Subscription& each : found.subscriptions) {
    if (mqtt::is_shared(each.filter)) {
      const std::string_view name = std::string_view(each.filter).substr(sizeof("$share/") - 1);
      join_group(id, session, {name, each.options, each.identifier}, 0);
    } else {
      add_subscription(id, session, each.filter, {each.options, each.identifier});
    }
  }
  tell_groups(id, session, mail::GroupUpdate::Kind::offline);
  for (const uint16_t packet_id : found.received) {
    session.received.push_back(mqtt::PacketId(packet_id));
  }
  restore_queue(session, found);
  if (record.disconnected_at_ms == 0) record_session(session);
}

Delivery Core::restored_delivery(RestoredSession::Entry& entry) {
  Delivery delivery;
  delivery.message = std::move(entry.message);
  delivery.packet_id = packet_id_of(entry.sequence);
  delivery.qos_bits = entry.bits & 3U;
  delivery.retain = entry.bits >> 2 & 1U;
  if (entry.subscription_ids.size() == 1) {
    delivery.extra = entry.subscription_ids.front();
  } else if (!entry.subscription_ids.empty()) {
    const auto [extra, facts] = extras_.emplace();
    facts.subscription_ids = std::move(entry.subscription_ids);
    delivery.extra = Delivery::kExtra | extra.index;
  }
  return delivery;
}

/// What may have been sent goes back into the window, to be sent again; the rest waits. Who was
/// connected may have been sent all of it: that acknowledgements opened the window for more was not
/// written at once.
void Core::restore_queue(Session& session, RestoredSession& found) {
  const bool any = found.record.disconnected_at_ms == 0 || found.record.inflight == kAnySent;
  const size_t sent = any ? size_t{config().receive_maximum()} : found.record.inflight;
  for (RestoredSession::Entry& entry : found.queue) {
    Delivery delivery = restored_delivery(entry);
    session.next_sequence = std::max(session.next_sequence, entry.sequence + 1);
    const bool released = !delivery.message;
    if (!released && session.inflight.size() >= sent) {
      count_queued(session, delivery, 1);
      delivery.sent_before = any ? 1 : 0;
      session.waiting.push_back(std::move(delivery));
      continue;
    }
    if (released) {
      delivery.set_state(Delivery::State::wait_for_pubcomp);
    } else {
      delivery.set_state(delivery.qos() == Qos::at_least_once ? Delivery::State::wait_for_puback
                                                              : Delivery::State::wait_for_pubrec);
      session.inflight_bytes += delivery.message->payload_size();
      held_bytes_ += delivery.message->footprint();
    }
    ++held_messages_;
    note_id_order(session, delivery.packet_id);
    session.inflight.push_back(std::move(delivery));
  }
  if (found.rest.count == 0) return;
  session.paged = std::make_unique<PagedQueue>(
      PagedQueue{.stored = found.rest, .sent_to = any ? session.next_sequence : 0});
  session.queued_bytes += found.rest.bytes;
  session.queued_acknowledged += found.rest.count;
  held_messages_ += found.rest.count;
}

}  // namespace tombo::broker
