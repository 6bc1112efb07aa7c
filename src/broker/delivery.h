#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/slab.h"
#include "base/sync/shared_ref.h"
#include "broker/ids.h"
#include "mqtt/message.h"
#include "mqtt/types.h"

namespace tombo::broker {

/// What few deliveries have: several subscription identifiers, or the group they came from.
struct DeliveryExtra {
  std::vector<uint32_t> subscription_ids;
  GroupId group;  ///< none: not by a shared subscription
  ShardId group_home;
};

using ExtraId = SlabId<struct ExtraTag>;
using DeliveryExtras = Slab<DeliveryExtra, ExtraId>;

/// One message on its way to one session: queue entry and in-flight record in 16 bytes.
/// Move-only; whoever drops one for good gives its extra back with release_extra().
struct Delivery {
  enum class State : uint8_t { queued, wait_for_puback, wait_for_pubrec, wait_for_pubcomp };

  SharedRef<const mqtt::Message> message;  ///< null once PUBREC has come
  uint32_t extra = 0;  ///< 0, a subscription id, or kExtra | slab index of a DeliveryExtra
  mqtt::PacketId packet_id;
  uint8_t qos_bits : 2 = 0;
  uint8_t retain : 1 = 0;
  uint8_t sent_before : 1 = 0;  ///< DUP on the next sending
  uint8_t state_bits : 2 = 0;
  uint8_t held : 1 = 0;  ///< what was stored of it does not count yet

  static constexpr uint32_t kExtra = 0x8000'0000U;

  [[nodiscard]] mqtt::Qos qos() const { return static_cast<mqtt::Qos>(qos_bits); }

  [[nodiscard]] State state() const { return static_cast<State>(state_bits); }

  void set_state(State state) { state_bits = static_cast<uint8_t>(state) & 3U; }

  [[nodiscard]] bool has_extra() const { return (extra & kExtra) != 0; }

  [[nodiscard]] uint32_t extra_index() const { return extra & ~kExtra; }
};

static_assert(sizeof(Delivery) == 16);

/// How many ids `to` comes after `from`, as they are given out in turn.
[[nodiscard]] constexpr uint32_t ids_between(mqtt::PacketId from, mqtt::PacketId to) {
  return (to.value() + uint32_t{UINT16_MAX} - from.value()) % UINT16_MAX;
}

inline void release_extra(DeliveryExtras& extras, Delivery& delivery) {
  if (!delivery.has_extra()) return;
  extras.erase(extras.id_at(delivery.extra_index()));
  delivery.extra = 0;
}

}  // namespace tombo::broker
