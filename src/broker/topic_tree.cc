#include "broker/topic_tree.h"

#include "base/check.h"
#include "base/hash.h"
#include "mqtt/topic.h"

namespace tombo::broker {

TopicTree::Leaf TopicTree::find(std::string_view filter) const {
  return mqtt::has_wildcard(filter) ? find_wild(filter) : find_exact(filter);
}

TopicTree::Leaf TopicTree::find_exact(std::string_view filter) const {
  const auto found = exact_.find(hash64(filter, seed_));
  if (found == exact_.end()) return kNone;
  for (Leaf leaf = found->second; leaf != kNone; leaf = leaves_[leaf].next) {
    if (leaves_[leaf].filter == filter) return leaf;
  }
  return kNone;
}

TopicTree::Leaf TopicTree::find_wild(std::string_view filter) const {
  uint32_t node = 0;
  std::string_view level;
  for (mqtt::LevelReader levels(filter); levels.next(level);) {
    if (level == "#") return nodes_[node].hash_leaf;
    node = child(node, level);
    if (node == 0) return kNone;
  }
  return nodes_[node].leaf;
}

TopicTree::Leaf TopicTree::find_or_add(std::string_view filter, bool& added) {
  Leaf leaf = find(filter);
  added = leaf == kNone;
  if (!added) return leaf;
  leaf = new_leaf(filter);
  if (!mqtt::has_wildcard(filter)) {
    const auto [place, fresh] = exact_.try_emplace(hash64(filter, seed_), leaf);
    if (!fresh) {
      leaves_[leaf].next = place->second;
      place->second = leaf;
    }
    return leaf;
  }
  uint32_t node = 0;
  bool ends_in_hash = false;
  std::string_view level;
  for (mqtt::LevelReader levels(filter); levels.next(level);) {
    ends_in_hash = level == "#";
    if (!ends_in_hash) node = child_or_add(node, level);
  }
  (ends_in_hash ? nodes_[node].hash_leaf : nodes_[node].leaf) = leaf;
  leaves_[leaf].node = node;
  leaves_[leaf].wild = true;
  return leaf;
}

TopicTree::Leaf TopicTree::new_leaf(std::string_view filter) {
  Leaf leaf;
  if (free_leaves_.empty()) {
    leaf = static_cast<Leaf>(leaves_.size());
    leaves_.emplace_back();
  } else {
    leaf = free_leaves_.back();
    free_leaves_.pop_back();
    leaves_[leaf] = LeafData{};
  }
  leaves_[leaf].filter = filter;
  leaves_[leaf].used = true;
  return leaf;
}

uint32_t TopicTree::add(Leaf leaf, const Subscriber& subscriber) {
  auto& subscribers = leaves_[leaf].subscribers;
  subscribers.push_back(subscriber);
  return static_cast<uint32_t>(subscribers.size()) - 1;
}

Subscriber* TopicTree::remove(Leaf leaf, uint32_t position) {
  auto& subscribers = leaves_[leaf].subscribers;
  DCHECK(position < subscribers.size());
  const bool moves = position + 1 < subscribers.size();
  if (moves) subscribers[position] = subscribers.back();
  subscribers.pop_back();
  if (subscribers.empty() || subscribers.size() < subscribers.capacity() / 4) {
    subscribers.shrink_to_fit();
  }
  return moves ? &subscribers[position] : nullptr;
}

void TopicTree::drop(Leaf leaf) {
  LeafData& data = leaves_[leaf];
  DCHECK(data.used && data.subscribers.empty());
  if (data.wild) {
    Node& node = nodes_[data.node];
    (node.hash_leaf == leaf ? node.hash_leaf : node.leaf) = kNone;
    prune(data.node);
  } else {
    const auto found = exact_.find(hash64(data.filter, seed_));
    Leaf* link = &found->second;
    while (*link != leaf) link = &leaves_[*link].next;
    *link = data.next;
    if (found->second == kNone) exact_.erase(found);
  }
  data = LeafData{};
  free_leaves_.push_back(leaf);
}

uint32_t TopicTree::child(uint32_t parent, std::string_view level) const {
  if (level == "+") return nodes_[parent].plus;
  return edges_.find(nodes_, parent, level);
}

uint32_t TopicTree::child_or_add(uint32_t parent, std::string_view level) {
  uint32_t node = child(parent, level);
  if (node != 0) return node;
  if (free_nodes_.empty()) {
    node = static_cast<uint32_t>(nodes_.size());
    nodes_.emplace_back();
  } else {
    node = free_nodes_.back();
    free_nodes_.pop_back();
    nodes_[node] = Node{};
  }
  nodes_[node].parent = parent;
  ++nodes_[parent].children;
  if (level == "+") {
    nodes_[node].is_plus = true;
    nodes_[parent].plus = node;
    return node;
  }
  nodes_[node].level = level;
  edges_.add(nodes_, node);
  return node;
}

void TopicTree::prune(uint32_t node) {
  while (node != 0 && nodes_[node].children == 0 && nodes_[node].leaf == kNone &&
         nodes_[node].hash_leaf == kNone) {
    const uint32_t parent = nodes_[node].parent;
    if (nodes_[node].is_plus) {
      nodes_[parent].plus = 0;
    } else {
      edges_.remove(nodes_, node);
    }
    --nodes_[parent].children;
    nodes_[node] = Node{};
    nodes_[node].used = false;
    free_nodes_.push_back(node);
    node = parent;
  }
}

void TopicTree::match_wildcards(std::string_view topic) const {
  // [MQTT-4.7.2-1] `#` and `+` at the front do not match topics that begin with `$`.
  match_from(0, topic, false, topic.empty() || topic.front() != '$');
}

void TopicTree::match_from(uint32_t at, std::string_view rest, bool at_end,
                           bool wild_allowed) const {
  const Node& node = nodes_[at];
  if (node.hash_leaf != kNone && wild_allowed) scratch_.push_back(node.hash_leaf);
  if (at_end) {
    if (node.leaf != kNone) scratch_.push_back(node.leaf);
    return;
  }
  if (node.children == 0) return;
  const size_t slash = rest.find('/');
  const bool last = slash == std::string_view::npos;
  const std::string_view level = rest.substr(0, slash);
  const std::string_view behind = last ? std::string_view() : rest.substr(slash + 1);
  if (node.plus != 0 && wild_allowed) match_from(node.plus, behind, last, true);
  if (node.children == (node.plus != 0 ? 1U : 0U)) return;
  // The literal level "+" or "#" cannot stand in a topic name, so child() means an edge here.
  const uint32_t next = level == "+" ? 0 : child(at, level);
  if (next != 0) match_from(next, behind, last, true);
}

}  // namespace tombo::broker
