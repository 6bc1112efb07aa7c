#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "mqtt/types.h"
#include "tombo/machine.h"

namespace tombo::client {

/// Packet Identifiers that are in use, of PUBLISH, SUBSCRIBE and UNSUBSCRIBE alike.
class PacketIds {
 public:
  /// The next free one after the last; nullopt: all are in use.
  std::optional<uint16_t> take();

  void give_back(uint16_t id) { used_.erase(id); }

  [[nodiscard]] size_t count() const { return used_.size(); }

 private:
  boost::unordered_flat_set<uint16_t> used_;
  uint16_t last_ = 0;
};

/// QoS 1 and 2 messages from publish() to the last acknowledgement, in their order.
class Outgoing {
 public:
  enum class Stage : uint8_t {
    waiting,   ///< not sent on this connection
    sent,      ///< PUBACK or PUBREC is to come
    released,  ///< PUBREL was sent, PUBCOMP is to come
    done,
  };

  struct Entry {
    Request request = 0;
    Stage stage = Stage::waiting;
    mqtt::Qos qos{};
    uint16_t packet_id = 0;         ///< 0: none yet
    bool dup = false;               ///< it was sent before
    std::vector<uint8_t> packet{};  ///< PUBLISH; empty once PUBREC has come
    size_t id_at = 0;               ///< where the Packet Identifier stands in it, behind the topic
    bool has_alias = false;         ///< the user's own, among its properties
    uint16_t topic_size = 0;
    size_t payload_size = 0;
  };

  void add(Entry entry) {
    entries_.push_back(std::move(entry));
    ++unfinished_;
  }

  /// The first one that waits and is to go next; null: none does.
  Entry* next_waiting();

  /// It was sent.
  void sent(Entry& entry);

  /// The one that is under way with this id; null: none is.
  Entry* find(uint16_t packet_id);

  void finish(Entry& entry);

  /// A new connection: all that is not done waits again. `resumed`: with their packet ids, as the
  /// broker knows them; else as if they had never been sent, and what was released is done (gives
  /// those).
  std::vector<Request> rewind(bool resumed, PacketIds& ids);

  [[nodiscard]] size_t unfinished() const { return unfinished_; }

  [[nodiscard]] size_t under_way() const { return under_way_; }

 private:
  std::deque<Entry> entries_;
  // By packet id, of what is under way: the place since the beginning.
  boost::unordered_flat_map<uint16_t, uint64_t> places_;
  uint64_t popped_ = 0;  // Entries that have left at the front.
  size_t next_ = 0;      // In entries_: those before do not wait.
  size_t unfinished_ = 0;
  size_t under_way_ = 0;
};

}  // namespace tombo::client
