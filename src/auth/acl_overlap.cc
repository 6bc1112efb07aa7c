#include "auth/acl_tree.h"
#include "mqtt/topic.h"

// The question of SUBSCRIBE: is there a topic that the filter matches and a rule grants?
namespace tombo::auth {

struct AclTree::Overlap {
  std::string_view filter;
  Names names;
  Rights wanted;
  uint32_t nodes_left;
};

bool AclTree::may_overlap(Root root, std::string_view filter, Rights wanted,
                          const Names& names) const {
  Overlap walk{.filter = filter, .names = names, .wanted = wanted, .nodes_left = kOverlapNodesMax};
  if (!filter.starts_with('$')) return meets(walk, root, 0);
  const size_t end = filter.find('/');
  const uint32_t child = edges_.find(nodes_, root, filter.substr(0, end));
  return child != kNone && meets(walk, child, end == std::string_view::npos ? end : end + 1);
}

/// Is there such a topic, of those that the node stands for and the filter matches from `at` on?
// NOLINTNEXTLINE(readability-function-cognitive-complexity): all cases of two filters.
bool AclTree::meets(Overlap& walk, uint32_t node, size_t at) const {
  const Node& here = nodes_[node];
  if ((here.granted & walk.wanted) == 0) return false;
  if (walk.nodes_left == 0) return true;
  --walk.nodes_left;
  if ((here.below & walk.wanted) != 0) return true;
  if (at == std::string_view::npos) return (here.here & walk.wanted) != 0;
  const size_t end = walk.filter.find('/', at);
  const std::string_view level = walk.filter.substr(at, end - at);
  const bool is_rest = level == "#";
  if (is_rest && (here.here & walk.wanted) != 0) return true;
  const size_t next = is_rest ? at : end == std::string_view::npos ? end : end + 1;
  if (is_rest || level == "+") {
    for (uint32_t child = here.first_child; child != kNone; child = nodes_[child].next_sibling) {
      // A wildcard in front matches nothing that begins with `$`.
      if (at == 0 && nodes_[child].level.starts_with('$')) continue;
      if (meets(walk, child, next)) return true;
    }
  } else if (here.first_child != kNone) {
    const uint32_t child = edges_.find(nodes_, node, level);
    if (child != kNone && meets(walk, child, next)) return true;
  }
  return (here.any != kNone && meets(walk, here.any, next)) ||
         (here.client_id != kNone && meets_name(walk, here.client_id, walk.names.client_id, at)) ||
         (here.user_name != kNone && meets_name(walk, here.user_name, walk.names.user_name, at));
}

/// The node stands for a name, whose levels have to be met first.
bool AclTree::meets_name(Overlap& walk, uint32_t node, std::string_view name, size_t at) const {
  if (name.empty()) return false;
  std::string_view of_name;
  for (mqtt::LevelReader levels(name); levels.next(of_name);) {
    if (at == std::string_view::npos) return false;
    const size_t end = walk.filter.find('/', at);
    const std::string_view level = walk.filter.substr(at, end - at);
    if (level == "#") break;
    if (level != "+" && level != of_name) return false;
    at = end == std::string_view::npos ? end : end + 1;
  }
  return meets(walk, node, at);
}

}  // namespace tombo::auth
