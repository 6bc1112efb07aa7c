#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/ring.h"
#include "mqtt/reason.h"
#include "mqtt/types.h"

namespace tombo::broker {

/// Acknowledgements owed to one publisher, in the order its PUBLISH packets came.
/// A place waits until every shard asked has settled, and then for its elders
/// [MQTT-4.6.0-2] [MQTT-4.6.0-3]. Lives as long as the connection; what has not settled then goes
/// to OrphanedAcks. A settle() for a place that is gone is ignored. Bound: the caller stops reading
/// from a client with kPlacesMax open places.
class AckQueue {
 public:
  static constexpr size_t kPlacesMax = 4096;

  struct Place {
    mqtt::PacketId packet_id;
    mqtt::Qos qos{};
    uint8_t remaining = 0;  ///< shards that have not settled
    bool matched = false;   ///< did any of them have a subscriber?
    bool asked = false;     ///< were shards asked at all?
    bool received = false;  ///< its QoS 2 id stands in Session::received and is counted there
    mqtt::Reason reason = mqtt::Reason::success;
    std::unique_ptr<std::string> why{};  ///< the reason in words
  };

  [[nodiscard]] bool empty() const { return places_.empty(); }

  [[nodiscard]] size_t size() const { return places_.size(); }

  /// Places of messages that are counted nowhere else.
  [[nodiscard]] size_t counted() const { return places_.size() - received_; }

  /// Opens a place that `remaining` shards must settle; returns its number for settle().
  uint32_t open(Place place) {
    received_ += place.received ? 1 : 0;
    places_.push_back(std::move(place));
    return first_ + static_cast<uint32_t>(places_.size()) - 1;
  }

  /// One shard has settled the place.
  void settle(uint32_t number, bool matched) {
    const uint32_t index = number - first_;
    if (index >= places_.size() || places_[index].remaining == 0) return;
    --places_[index].remaining;
    places_[index].matched |= matched;
  }

  /// Is the eldest place settled? Then pop() it and acknowledge.
  [[nodiscard]] bool ready() const { return !places_.empty() && places_.front().remaining == 0; }

  /// visit(number, place), the eldest first.
  template <class Visit>
  void for_each(Visit visit) const {
    for (size_t i = 0; i < places_.size(); ++i)
      visit(first_ + static_cast<uint32_t>(i), places_[i]);
  }

  Place pop() {
    DCHECK(ready());
    ++first_;
    received_ -= places_.front().received ? 1 : 0;
    return places_.pop_front();
  }

 private:
  Ring<Place> places_;
  uint32_t first_ = 1;
  uint32_t received_ = 0;  // Places with `received` set.
};

}  // namespace tombo::broker
