#include "sim/disk.h"

#include <fmt/core.h>

#include "base/bytes.h"

namespace tombo::sim {

using broker::StoreOp;

void Disk::submit(broker::StoreBatch batch) {
  const unsigned shard = batch.shard.value();
  taken_.resize(waiting_.size());
  if (batch.number != ++taken_[shard]) {
    nonsense_ =
        fmt::format("shard {} gives batch {} after {}", shard, batch.number, taken_[shard] - 1);
  }
  waiting_[shard].push_back(std::move(batch));
}

std::vector<unsigned> Disk::unsynced() const {
  std::vector<unsigned> found;
  for (unsigned shard = 0; shard < waiting_.size(); ++shard) {
    if (!waiting_[shard].empty()) found.push_back(shard);
  }
  return found;
}

uint64_t Disk::sync(unsigned shard, Random& random) {
  std::deque<broker::StoreBatch>& waiting = waiting_[shard];
  uint64_t number = 0;
  for (uint64_t count = 1 + random.below(waiting.size()); count > 0; --count) {
    for (const StoreOp& op : waiting.front().ops) apply(shard, op);
    number = waiting.front().number;
    waiting.pop_front();
  }
  return number;
}

void Disk::crash() {
  for (auto& waiting : waiting_) waiting.clear();
}

void Disk::apply(unsigned shard, const StoreOp& op) {
  using Kind = StoreOp::Kind;
  const Key key{shard, op.key};
  const bool needs_session = op.kind == Kind::subscription_put || op.kind == Kind::queue_add ||
                             op.kind == Kind::received_add;
  if (needs_session && !sessions_.contains(key)) {
    nonsense_ = fmt::format("a record of kind {} for a session that is not there",
                            static_cast<int>(op.kind));
    return;
  }
  switch (op.kind) {
    case Kind::session_put:
      sessions_[key].client_id = op.session->client_id;
      break;
    case Kind::session_delete:
      sessions_.erase(key);
      break;
    case Kind::subscription_put:
      sessions_[key].filters.insert(op.text);
      break;
    case Kind::subscription_delete:
      if (sessions_.contains(key)) sessions_[key].filters.erase(op.text);
      break;
    case Kind::queue_add:
      sessions_[key].queued.insert(std::string(as_text(op.message->payload())));
      break;
    case Kind::retained_set:
      retained_[std::string(op.message->topic())] = std::string(as_text(op.message->payload()));
      break;
    case Kind::retained_delete:
      retained_.erase(op.text);
      break;
    case Kind::decide:
    case Kind::queue_released:
    case Kind::queue_done:
    case Kind::received_add:
    case Kind::received_delete:
      break;
  }
}

std::map<std::string, const SessionOnDisk*> Disk::sessions() const {
  std::map<std::string, const SessionOnDisk*> found;
  for (const auto& [key, session] : sessions_) found[session.client_id] = &session;
  return found;
}

const std::string* Disk::retained(const std::string& topic) const {
  const auto found = retained_.find(topic);
  return found == retained_.end() ? nullptr : &found->second;
}

}  // namespace tombo::sim
