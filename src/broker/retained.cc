#include "broker/retained.h"

#include <algorithm>

#include "base/check.h"
#include "mqtt/topic.h"

namespace tombo::broker {

RetainedStore::RetainedStore(uint64_t seed) : edges_(LevelHash{seed}) {
  nodes_.emplace_back();
}

uint32_t RetainedStore::node_of(std::string_view topic) const {
  uint32_t node = 0;
  std::string_view level;
  for (mqtt::LevelReader levels(topic); levels.next(level);) {
    node = edges_.find(nodes_, node, level);
    if (node == 0) return 0;
  }
  return node;
}

uint32_t RetainedStore::add_child(uint32_t parent, std::string_view level) {
  uint32_t node;
  if (free_nodes_.empty()) {
    node = static_cast<uint32_t>(nodes_.size());
    nodes_.emplace_back();
  } else {
    node = free_nodes_.back();
    free_nodes_.pop_back();
  }
  Node& fresh = nodes_[node];
  fresh.level = level;
  fresh.parent = parent;
  edges_.add(nodes_, node);
  fresh.previous_sibling = 0;
  fresh.next_sibling = nodes_[parent].first_child;
  if (fresh.next_sibling != 0) nodes_[fresh.next_sibling].previous_sibling = node;
  nodes_[parent].first_child = node;
  return node;
}

uint32_t RetainedStore::node_or_add(std::string_view topic) {
  uint32_t node = 0;
  std::string_view level;
  for (mqtt::LevelReader levels(topic); levels.next(level);) {
    const uint32_t found = edges_.find(nodes_, node, level);
    node = found != 0 ? found : add_child(node, level);
  }
  return node;
}

const mqtt::Message* RetainedStore::find(std::string_view topic) const {
  const uint32_t node = node_of(topic);
  return node == 0 ? nullptr : nodes_[node].message.get();
}

void RetainedStore::set(SharedRef<const mqtt::Message> message) {
  if (message->payload_size() == 0) {
    // [MQTT-3.3.1-6] [MQTT-3.3.1-7] An empty payload removes, and is not stored itself.
    const uint32_t node = node_of(message->topic());
    if (node != 0 && nodes_[node].message) clear_message(node);
    return;
  }
  Node& node = nodes_[node_or_add(message->topic())];
  if (node.message) {
    bytes_ -= node.message->footprint();
  } else {
    ++messages_;
  }
  bytes_ += message->footprint();
  node.message = std::move(message);
}

void RetainedStore::clear_message(uint32_t node) {
  --messages_;
  bytes_ -= nodes_[node].message->footprint();
  nodes_[node].message = {};
  prune(node);
}

/// Frees a node that holds nothing any more, and those above it.
void RetainedStore::prune(uint32_t at) {
  while (at != 0 && !nodes_[at].message && nodes_[at].first_child == 0 && nodes_[at].pins == 0) {
    Node& node = nodes_[at];
    edges_.remove(nodes_, at);
    if (node.next_sibling != 0) {
      nodes_[node.next_sibling].previous_sibling = node.previous_sibling;
    }
    if (node.previous_sibling != 0) {
      nodes_[node.previous_sibling].next_sibling = node.next_sibling;
    } else {
      nodes_[node.parent].first_child = node.next_sibling;
    }
    const uint32_t parent = node.parent;
    node = Node{};
    free_nodes_.push_back(at);
    at = parent;
  }
}

bool RetainedStore::sweep(int64_t wall_ms, size_t nodes_max,
                          const std::function<void(const mqtt::Message&)>& removed) {
  const size_t end = std::min(nodes_.size(), sweep_at_ + nodes_max);
  for (; sweep_at_ < end; ++sweep_at_) {
    const auto& message = nodes_[sweep_at_].message;
    if (!message || !message->expired(wall_ms)) continue;
    if (removed) removed(*message);
    clear_message(static_cast<uint32_t>(sweep_at_));
  }
  if (sweep_at_ < nodes_.size()) return false;
  sweep_at_ = 0;
  return true;
}

ReplayId RetainedStore::start(std::string_view filter) {
  auto [id, replay] = replays_.emplace();
  replay.filter = filter;
  if (!mqtt::has_wildcard(filter)) return id;
  std::string_view level;
  for (mqtt::LevelReader levels(filter); levels.next(level);) replay.levels.emplace_back(level);
  push(replay, {0, 0});
  return id;
}

void RetainedStore::stop(ReplayId id) {
  if (replays_.find(id) != nullptr) finish(id);
}

void RetainedStore::finish(ReplayId id) {
  const std::vector<Step> left = std::move(replays_.at(id).stack);
  replays_.erase(id);
  for (const Step& step : left) {
    --nodes_[step.node].pins;
    prune(step.node);
  }
}

void RetainedStore::push(Replay& replay, Step step) {
  ++nodes_[step.node].pins;
  replay.stack.push_back(step);
}

bool RetainedStore::next(ReplayId id, size_t messages_max, int64_t wall_ms,
                         std::vector<SharedRef<const mqtt::Message>>& out) {
  Replay* replay = replays_.find(id);
  if (replay == nullptr) return false;
  if (replay->levels.empty()) {
    const uint32_t node = node_of(replay->filter);
    if (node != 0 && nodes_[node].message && !nodes_[node].message->expired(wall_ms)) {
      out.push_back(nodes_[node].message);
    }
    finish(id);
    return false;
  }
  const size_t end = out.size() + messages_max;
  for (size_t visits = 0; visits < kVisitsMax && out.size() < end; ++visits) {
    if (replay->stack.empty()) {
      finish(id);
      return false;
    }
    const Step step = replay->stack.back();
    replay->stack.pop_back();
    visit(*replay, step, wall_ms, out);
    --nodes_[step.node].pins;
    prune(step.node);
  }
  return true;
}

void RetainedStore::visit(Replay& replay, Step step, int64_t wall_ms,
                          std::vector<SharedRef<const mqtt::Message>>& out) {
  // A step whose `level` is past the sentinel kSiblings walks the rest of a sibling list, so that a
  // node with a million children costs one stack entry.
  constexpr uint32_t kSiblings = 1U << 31;
  if ((step.level & kSiblings) != 0) {
    const uint32_t next = nodes_[step.node].next_sibling;
    if (next != 0) push(replay, {next, step.level});
    step.level &= ~kSiblings;
    if (nodes_[step.node].parent == 0 && nodes_[step.node].level.starts_with('$')) return;
  }
  const auto emit = [&](uint32_t at) {
    const auto& message = nodes_[at].message;
    if (message && !message->expired(wall_ms)) out.push_back(message);
  };
  const auto children = [&](uint32_t level) {
    const uint32_t first = nodes_[step.node].first_child;
    if (first != 0) push(replay, {first, level | kSiblings});
  };
  const bool below_hash = step.level > replay.levels.size();
  if (below_hash) {
    emit(step.node);
    children(step.level);
    return;
  }
  if (step.level == replay.levels.size()) {
    emit(step.node);
    return;
  }
  const std::string& level = replay.levels[step.level];
  if (level == "#") {
    if (step.node != 0) emit(step.node);
    children(static_cast<uint32_t>(replay.levels.size()) + 1);
  } else if (level == "+") {
    children(step.level + 1);
  } else {
    const uint32_t next = edges_.find(nodes_, step.node, level);
    if (next != 0) push(replay, {next, step.level + 1});
  }
}

}  // namespace tombo::broker
