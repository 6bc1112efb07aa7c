#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/level_edges.h"
#include "broker/ports/authorizer.h"

namespace tombo::auth {

/// What a rule of an acl_file says of the topics that its filter matches. Bits.
using Rights = uint8_t;
inline constexpr Rights kReadRight = static_cast<Rights>(broker::Access::read);
inline constexpr Rights kWriteRight = static_cast<Rights>(broker::Access::write);
inline constexpr Rights kDenied = 0x80;

/// Topic filters with rights, compiled for one question: which rights do the filters below a root
/// that match a topic have together?  Built once, then read by all shards.
/// A filter is a path of levels from a root; filters with a common beginning share it. A look-up
/// follows the topic's levels, at each node on to the child of that name, `+`, and in patterns the
/// client id or user name: never more nodes than there are, and as a rule as many as the topic has
/// levels, however many filters there are.
/// Bound: a node for each level of each filter; a look-up goes at most kAclLevelsMax deep.
class AclTree {
 public:
  using Root = uint32_t;
  /// Nodes that may_overlap() visits at most; then it says yes.
  static constexpr uint32_t kOverlapNodesMax = 10'000;

  /// Whose name stands for `%c` and `%u`; an empty user name matches no `%u`.
  struct Names {
    std::string_view client_id;
    std::string_view user_name;
  };

  /// What a look-up found, and what it took.
  struct Found {
    Rights rights = 0;
    uint32_t denied_by = 0;  ///< line of a rule that says kDenied
    uint32_t nodes_visited = 0;
  };

  Root add_root() { return add_node(); }

  struct Rule {
    std::string_view filter;  ///< valid
    Rights rights = 0;
    bool is_pattern = false;  ///< levels `%c` and `%u` stand for names
    uint32_t line = 0;        ///< where it stands; kept of rules that deny
  };

  void add(Root root, const Rule& rule);

  /// The rights of all matching filters below `root`; those that come after one that says kDenied
  /// may be missing.
  [[nodiscard]] Found find(Root root, std::string_view topic, const Names& names) const;

  /// The same of a filter in place of the topic: what holds for all topics that it matches.
  [[nodiscard]] Found find_covering(Root root, std::string_view filter, const Names& names) const;

  /// Does a filter below `root` with one of the rights `wanted` match a topic that `filter`
  /// matches, too? Says yes when it takes more than kOverlapNodesMax to find out. Denials are of no
  /// matter.
  [[nodiscard]] bool may_overlap(Root root, std::string_view filter, Rights wanted,
                                 const Names& names) const;

  [[nodiscard]] size_t node_count() const { return nodes_.size(); }

 private:
  static constexpr uint32_t kNone = 0;  // The first root is nobody's child.

  struct Node {
    uint32_t any = kNone;          // Child `+`.
    uint32_t client_id = kNone;    // Child `%c`.
    uint32_t user_name = kNone;    // Child `%u`.
    uint32_t deny_here = 0;        // Line of the first rule that denies, in `here`
    uint32_t deny_below = 0;       // and in `below`.
    Rights here = 0;               // Of filters that end here.
    Rights below = 0;              // Of filters that end in `#` here.
    Rights granted = 0;            // Of all filters that end here or further down.
    uint32_t first_child = kNone;  // Plain ones.
    uint32_t next_sibling = kNone;
    uint32_t parent = kNone;  // For edges_, as the next two.
    uint64_t edge = 0;
    std::string level;
  };

  struct Walk;
  struct Overlap;

  uint32_t add_node();
  uint32_t child_or_add(uint32_t node, std::string_view level, bool is_pattern);
  static void note(Rights& rights, uint32_t& deny_line, const Rule& rule);
  [[nodiscard]] Found start(Walk walk, Root root) const;
  void enter(Walk& walk, uint32_t node, size_t at) const;
  void enter_name(Walk& walk, uint32_t node, std::string_view name, size_t at) const;

  bool meets(Overlap& walk, uint32_t node, size_t at) const;
  bool meets_name(Overlap& walk, uint32_t node, std::string_view name, size_t at) const;

  std::vector<Node> nodes_;
  LevelEdges<Node> edges_{LevelHash{}};
};

}  // namespace tombo::auth
