#include "auth/acl_tree.h"

#include <utility>

#include "base/check.h"
#include "mqtt/topic.h"

namespace tombo::auth {

/// A look-up under way. `at` in enter() is where the next level of the topic begins, and npos
/// behind the last one.
struct AclTree::Walk {
  std::string_view topic;
  Names names;
  bool is_filter = false;  ///< `topic` is one
  Found found{};
};

uint32_t AclTree::add_node() {
  nodes_.emplace_back();
  return static_cast<uint32_t>(nodes_.size() - 1);
}

void AclTree::note(Rights& rights, uint32_t& deny_line, const Rule& rule) {
  if ((rule.rights & kDenied) != 0 && (rights & kDenied) == 0) deny_line = rule.line;
  rights |= rule.rights;
}

void AclTree::add(Root root, const Rule& rule) {
  DCHECK(mqtt::valid_topic_filter(rule.filter));
  uint32_t node = root;
  std::string_view level;
  const auto granted = static_cast<Rights>(rule.rights & ~kDenied);
  for (mqtt::LevelReader levels(rule.filter); levels.next(level);) {
    nodes_[node].granted |= granted;
    if (level == "#") {
      return note(nodes_[node].below, nodes_[node].deny_below, rule);
    }
    node = child_or_add(node, level, rule.is_pattern);
  }
  nodes_[node].granted |= granted;
  note(nodes_[node].here, nodes_[node].deny_here, rule);
}

uint32_t AclTree::child_or_add(uint32_t node, std::string_view level, bool is_pattern) {
  uint32_t Node::*special = nullptr;
  if (level == "+") special = &Node::any;
  if (is_pattern && level == "%c") special = &Node::client_id;
  if (is_pattern && level == "%u") special = &Node::user_name;
  if (special != nullptr) {
    if (nodes_[node].*special == kNone) {
      const uint32_t fresh = add_node();
      nodes_[node].*special = fresh;
    }
    return nodes_[node].*special;
  }
  if (const uint32_t known = edges_.find(nodes_, node, level); known != kNone) return known;
  const uint32_t fresh = add_node();
  nodes_[fresh].parent = node;
  nodes_[fresh].level = level;
  edges_.add(nodes_, fresh);
  nodes_[fresh].next_sibling = std::exchange(nodes_[node].first_child, fresh);
  return fresh;
}

AclTree::Found AclTree::find(Root root, std::string_view topic, const Names& names) const {
  return start({.topic = topic, .names = names}, root);
}

AclTree::Found AclTree::find_covering(Root root, std::string_view filter,
                                      const Names& names) const {
  return start({.topic = filter, .names = names, .is_filter = true}, root);
}

AclTree::Found AclTree::start(Walk walk, Root root) const {
  const std::string_view topic = walk.topic;
  if (!topic.starts_with('$')) {
    enter(walk, root, 0);
    return walk.found;
  }
  // Only filters that begin with `$` themselves match: no wildcard and no name in the first level.
  ++walk.found.nodes_visited;
  const size_t end = topic.find('/');
  const uint32_t child = edges_.find(nodes_, root, topic.substr(0, end));
  if (child == kNone) return walk.found;
  enter(walk, child, end == std::string_view::npos ? end : end + 1);
  return walk.found;
}

/// Adds up what the node and those below it say of the topic from `at` on. As deep as filters are.
void AclTree::enter(Walk& walk, uint32_t node, size_t at) const {
  const Node& here = nodes_[node];
  ++walk.found.nodes_visited;
  const auto take = [&walk](Rights rights, uint32_t deny_line) {
    walk.found.rights |= rights;
    if (deny_line != 0) walk.found.denied_by = deny_line;
  };
  take(here.below, here.deny_below);  // `a/#` matches `a`, too.
  if (at == std::string_view::npos) return take(here.here, here.deny_here);
  if ((walk.found.rights & kDenied) != 0) return;
  const size_t end = walk.topic.find('/', at);
  const size_t next = end == std::string_view::npos ? end : end + 1;
  const std::string_view level = walk.topic.substr(at, end - at);
  if (walk.is_filter && level == "#") return;  // Only another `#` covers that.
  if (here.first_child != kNone) {
    const uint32_t child = edges_.find(nodes_, node, level);
    if (child != kNone) enter(walk, child, next);
  }
  if (here.any != kNone) enter(walk, here.any, next);
  if (here.client_id != kNone) enter_name(walk, here.client_id, walk.names.client_id, at);
  if (here.user_name != kNone) enter_name(walk, here.user_name, walk.names.user_name, at);
}

/// A name may hold `/` and then stands for several levels.
void AclTree::enter_name(Walk& walk, uint32_t node, std::string_view name, size_t at) const {
  const std::string_view rest = walk.topic.substr(at);
  if (name.empty() || !rest.starts_with(name)) return;
  if (rest.size() == name.size()) return enter(walk, node, std::string_view::npos);
  if (rest[name.size()] == '/') enter(walk, node, at + name.size() + 1);
}

}  // namespace tombo::auth
