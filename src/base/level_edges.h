#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"

namespace tombo {

/// Where an edge stands in the map: a hash of the parent and the level's text.
struct LevelHash {
  uint64_t seed = 0;

  uint64_t operator()(uint32_t parent, std::string_view level) const {
    return mix64(hash64(level, seed) + parent * 0x9E37'79B9'7F4A'7C15ULL);
  }
};

/// The edges of a tree of topic levels: parent and level to child, all in one flat map.
/// The nodes are the owner's, in a vector, and have `parent`, `level` and `edge`, the key under
/// which their edge is entered here. Node 0 is the root and nobody's child. Equal hashes of
/// different edges are next to impossible, but do not go wrong: the second takes the next free key.
template <class Node, class Hash = LevelHash>
class LevelEdges {
 public:
  explicit LevelEdges(Hash hash) : hash_(std::move(hash)) {}

  /// The child of `parent` at `level`; 0: none.
  [[nodiscard]] uint32_t find(const std::vector<Node>& nodes, uint32_t parent,
                              std::string_view level) const {
    for (uint64_t key = hash_(parent, level);; ++key) {
      const auto found = edges_.find(key);
      if (found == edges_.end()) return 0;
      const Node& node = nodes[found->second];
      if (node.parent == parent && node.level == level) return found->second;
    }
  }

  /// Enters the edge to `child`, whose parent and level are set. Requires: it is not entered.
  void add(std::vector<Node>& nodes, uint32_t child) {
    uint64_t key = hash_(nodes[child].parent, nodes[child].level);
    while (edges_.contains(key)) ++key;
    edges_.emplace(key, child);
    nodes[child].edge = key;
  }

  /// Takes the edge to `child` out. Those that made way for it move up, or find() would stop at the
  /// hole in front of them.
  void remove(std::vector<Node>& nodes, uint32_t child) {
    uint64_t hole = nodes[child].edge;
    edges_.erase(hole);
    for (uint64_t key = hole + 1;; ++key) {
      const auto found = edges_.find(key);
      if (found == edges_.end()) return;
      const uint32_t moved = found->second;
      if (hash_(nodes[moved].parent, nodes[moved].level) > hole) continue;
      edges_.erase(found);
      edges_.emplace(hole, moved);
      nodes[moved].edge = hole;
      hole = key;
    }
  }

  [[nodiscard]] size_t size() const { return edges_.size(); }

 private:
  Hash hash_;
  boost::unordered_flat_map<uint64_t, uint32_t> edges_;
};

}  // namespace tombo
