#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/level_edges.h"
#include "base/slab.h"
#include "base/sync/shared_ref.h"
#include "broker/ids.h"
#include "mqtt/message.h"

namespace tombo::broker {

/// The retained messages homed on this shard (by topic hash): set, cleared, expired, and read by
/// filter in pages. A topic is found by one hash; a wildcard walks a tree of levels.
/// A page visits a bounded number of nodes, so that a million matches never stall the shard.
/// Between pages a cursor pins the few nodes it goes on from: they stay, also when they fall empty,
/// until it has passed them. What is set behind a cursor's back may be missed by it: the asker's
/// subscription is already in force and gets it live.
class RetainedStore {
 public:
  explicit RetainedStore(uint64_t seed);

  /// Sets the message of its topic, or with an empty payload removes what was there.
  void set(SharedRef<const mqtt::Message> message);
  /// The message of `topic`, or nullptr.
  [[nodiscard]] const mqtt::Message* find(std::string_view topic) const;

  [[nodiscard]] size_t size() const { return messages_; }

  /// Nodes in use, the root included.
  [[nodiscard]] size_t nodes() const { return nodes_.size() - free_nodes_.size(); }

  [[nodiscard]] uint64_t bytes() const { return bytes_; }

  /// Removes expired messages among the next `nodes_max` nodes. Returns whether the end of the
  /// store was reached; the next call begins anew then. `removed` gets each, if given.
  bool sweep(int64_t wall_ms, size_t nodes_max,
             const std::function<void(const mqtt::Message&)>& removed = {});

  /// Starts a replay. Ended by next() that returns false, or by stop().
  ReplayId start(std::string_view filter);
  void stop(ReplayId id);
  /// Appends the next messages that match to `out`: at most `messages_max`, visiting at most
  /// kVisitsMax nodes. Expired ones are left out. Returns whether there may be more.
  bool next(ReplayId id, size_t messages_max, int64_t wall_ms,
            std::vector<SharedRef<const mqtt::Message>>& out);

  static constexpr size_t kVisitsMax = 4096;

 private:
  struct Node {
    std::string level;
    uint32_t parent = 0;
    uint32_t first_child = 0;
    uint32_t next_sibling = 0;
    uint32_t previous_sibling = 0;
    uint32_t pins = 0;  ///< steps of cursors that stand here
    uint64_t edge = 0;
    SharedRef<const mqtt::Message> message;
  };

  /// A place in the walk of a wildcard filter: a node and the filter level to match below it.
  struct Step {
    uint32_t node = 0;
    uint32_t level = 0;
  };

  struct Replay {
    std::string filter;
    std::vector<std::string> levels;
    std::vector<Step> stack;
  };

  [[nodiscard]] uint32_t node_of(std::string_view topic) const;
  uint32_t node_or_add(std::string_view topic);
  uint32_t add_child(uint32_t parent, std::string_view level);
  void clear_message(uint32_t node);
  void prune(uint32_t node);
  void finish(ReplayId id);
  void push(Replay& replay, Step step);
  void visit(Replay& replay, Step step, int64_t wall_ms,
             std::vector<SharedRef<const mqtt::Message>>& out);

  std::vector<Node> nodes_;  ///< [0] is the root
  std::vector<uint32_t> free_nodes_;
  LevelEdges<Node> edges_;
  Slab<Replay, ReplayId> replays_;
  size_t messages_ = 0;
  uint64_t bytes_ = 0;
  size_t sweep_at_ = 0;
};

}  // namespace tombo::broker
