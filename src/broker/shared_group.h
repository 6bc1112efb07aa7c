#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/slab.h"
#include "broker/ids.h"
#include "broker/topic_tree.h"

namespace tombo::broker {

/// One shared subscription (section 4.8.2), homed on this shard by the hash of its name.
struct SharedGroup {
  struct Member {
    SessionRef session;
    uint32_t subscription_id = 0;
    uint8_t options = 0;
    bool online = false;
  };

  std::string name;  ///< "GROUP/FILTER"
  TopicTree::Leaf leaf = TopicTree::kNone;
  uint32_t position = 0;  ///< in the leaf's subscribers
  std::vector<Member> members;
  size_t next = 0;  ///< whose turn it is

  Member* find(const SessionRef& session) {
    for (Member& member : members) {
      if (member.session == session) return &member;
    }
    return nullptr;
  }

  /// Round robin over the members that are online; when none is, over all of them, so that the
  /// message waits in a stored session. Requires: members not empty.
  const Member& choose() {
    for (size_t i = 0; i < members.size(); ++i) {
      const size_t candidate = (next + i) % members.size();
      if (!members[candidate].online) continue;
      next = candidate + 1;
      return members[candidate];
    }
    const size_t candidate = next % members.size();
    next = candidate + 1;
    return members[candidate];
  }

  void remove(const SessionRef& session) {
    for (size_t i = 0; i < members.size(); ++i) {
      if (!(members[i].session == session)) continue;
      members.erase(members.begin() + static_cast<ptrdiff_t>(i));
      if (next > i) --next;
      return;
    }
  }

  /// The filter behind the group's name.
  [[nodiscard]] std::string_view filter() const {
    return std::string_view(name).substr(name.find('/') + 1);
  }
};

/// All groups of this shard, by name.
class SharedGroups {
 public:
  SharedGroup* find(GroupId id) { return groups_.find(id); }

  SharedGroup& at_index(uint32_t index) { return *groups_.at_index(index); }

  [[nodiscard]] GroupId id_at(uint32_t index) const { return groups_.id_at(index); }

  [[nodiscard]] GroupId find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? GroupId{} : found->second;
  }

  std::pair<GroupId, SharedGroup&> add(std::string_view name) {
    auto [id, group] = groups_.emplace();
    group.name = name;
    by_name_.emplace(std::string_view(group.name), id);
    return {id, group};
  }

  void erase(GroupId id) {
    by_name_.erase(std::string_view(groups_.at(id).name));
    groups_.erase(id);
  }

  [[nodiscard]] size_t size() const { return groups_.size(); }

 private:
  Slab<SharedGroup, GroupId> groups_;  ///< addresses are stable: names are keys below
  boost::unordered_flat_map<std::string_view, GroupId> by_name_;
};

}  // namespace tombo::broker
