#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "base/level_edges.h"
#include "broker/interest.h"

namespace tombo::broker {

/// Who subscribed: a session or a shared group of this shard.
struct Subscriber {
  uint32_t index = 0;            ///< slab index of the session or group
  uint32_t subscription_id = 0;  ///< 0: none
  uint32_t back = 0;             ///< place in the session's own list, for O(1) removal
  uint8_t options = 0;           ///< pack(SubscribeOptions)
  bool is_group = false;
};

/// The subscriptions of one shard: filter to subscribers, and a topic to all that match.
/// A filter in use is a *leaf*. Filters without wildcards are found by one hash of the whole topic;
/// only those with wildcards form a trie, walked level by level: a broker with plain filters pays
/// one lookup a publish, however many there are.
/// Leading wildcards do not match topics that begin with `$` [MQTT-4.7.2-1].
/// Bounds: topics have at most mqtt::kTopicLevelsMax levels; a match visits at most the trie's
/// nodes.
class TopicTree {
 public:
  using Leaf = uint32_t;
  static constexpr Leaf kNone = UINT32_MAX;

  explicit TopicTree(uint64_t seed) : seed_(seed), edges_(LevelHash{seed}) {
    nodes_.emplace_back();
  }

  /// The leaf of `filter`, or kNone.
  Leaf find(std::string_view filter) const;
  /// The leaf of `filter`, made when there is none. `entry` is kept with a new one.
  Leaf find_or_add(std::string_view filter, bool& added);

  std::string_view filter(Leaf leaf) const { return leaves_[leaf].filter; }

  std::span<Subscriber> subscribers(Leaf leaf) {
    return {leaves_[leaf].subscribers.data(), leaves_[leaf].subscribers.size()};
  }

  InterestTable::Entry& interest(Leaf leaf) { return leaves_[leaf].interest; }

  /// Adds a subscriber; returns its position.
  uint32_t add(Leaf leaf, const Subscriber& subscriber);
  /// Removes the subscriber at `position`. The last one takes its place: returns it (so that its
  /// owner learns the new position), or nullptr. A leaf without subscribers stays until drop().
  Subscriber* remove(Leaf leaf, uint32_t position);
  /// Frees a leaf. Requires: no subscribers.
  void drop(Leaf leaf);

  /// Calls `f(std::span<const Subscriber>)` for every leaf that matches `topic`.
  template <class F>
  void match(std::string_view topic, F&& f) const {
    const Leaf exact = find_exact(topic);
    if (exact != kNone) f(std::span<const Subscriber>(leaves_[exact].subscribers));
    if (nodes_.size() == 1 && nodes_[0].hash_leaf == kNone) return;
    scratch_.clear();
    match_wildcards(topic);
    for (const Leaf leaf : scratch_) f(std::span<const Subscriber>(leaves_[leaf].subscribers));
  }

  /// Calls `f(filter, subscribers)` for each leaf.
  template <class F>
  void for_each(F&& f) const {
    for (const LeafData& leaf : leaves_) {
      if (leaf.used) f(std::string_view(leaf.filter), leaf.subscribers.size());
    }
  }

 private:
  // Moving a small_vector may throw by its declaration; with trivial elements it does not.
  // NOLINTNEXTLINE(bugprone-exception-escape): see above.
  struct LeafData {
    std::string filter;
    boost::container::small_vector<Subscriber, 1> subscribers;
    InterestTable::Entry interest;
    Leaf next = kNone;  ///< exact filters whose hashes collide; free list
    uint32_t node = 0;  ///< trie node of a wildcard filter
    bool used = false;
    bool wild = false;
  };

  struct Node {
    std::string level;
    uint64_t edge = 0;  ///< its key in edges_
    uint32_t parent = 0;
    uint32_t plus = 0;       ///< child for `+`; 0: none
    uint32_t children = 0;   ///< all children, `+` included
    Leaf leaf = kNone;       ///< filter that ends here
    Leaf hash_leaf = kNone;  ///< filter that ends here with a following `#`
    bool is_plus = false;
    bool used = true;
  };

  Leaf find_exact(std::string_view filter) const;
  Leaf find_wild(std::string_view filter) const;
  Leaf new_leaf(std::string_view filter);
  uint32_t child(uint32_t parent, std::string_view level) const;
  uint32_t child_or_add(uint32_t parent, std::string_view level);
  void prune(uint32_t node);
  void match_wildcards(std::string_view topic) const;
  void match_from(uint32_t node, std::string_view rest, bool at_end, bool wild_allowed) const;

  uint64_t seed_;
  std::vector<LeafData> leaves_;
  std::vector<uint32_t> free_leaves_;
  boost::unordered_flat_map<uint64_t, Leaf> exact_;
  std::vector<Node> nodes_;  ///< [0] is the root
  std::vector<uint32_t> free_nodes_;
  LevelEdges<Node> edges_;
  mutable std::vector<Leaf> scratch_;
};

}  // namespace tombo::broker
