#pragma once

#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/slab.h"
#include "broker/session.h"

namespace tombo::broker {

/// The sessions homed on this shard, by id and by client id.
class SessionTable {
 public:
  Session* find(SessionId id) { return sessions_.find(id); }

  Session& at(SessionId id) { return sessions_.at(id); }

  Session* at_index(uint32_t index) { return sessions_.at_index(index); }

  [[nodiscard]] SessionId id_at(uint32_t index) const { return sessions_.id_at(index); }

  [[nodiscard]] SessionId find(std::string_view client_id) const {
    const auto found = by_client_id_.find(client_id);
    return found == by_client_id_.end() ? SessionId{} : found->second;
  }

  /// Requires: no session of that client id.
  std::pair<SessionId, Session&> add(std::string_view client_id) {
    auto [id, session] = sessions_.emplace();
    session.client_id = client_id;
    session.timer.owner = id.index;
    by_client_id_.emplace(std::string_view(session.client_id), id);
    return {id, session};
  }

  void erase(SessionId id) {
    by_client_id_.erase(std::string_view(sessions_.at(id).client_id));
    sessions_.erase(id);
  }

  [[nodiscard]] size_t size() const { return sessions_.size(); }

  template <class F>
  void for_each(F&& f) {
    sessions_.for_each(f);
  }

 private:
  Slab<Session, SessionId> sessions_;  ///< addresses are stable: client ids are keys below
  boost::unordered_flat_map<std::string_view, SessionId> by_client_id_;
};

}  // namespace tombo::broker
