#include "client/outgoing.h"

#include "base/check.h"

namespace tombo::client {

std::optional<uint16_t> PacketIds::take() {
  if (used_.size() == UINT16_MAX) return std::nullopt;
  do {
    last_ = last_ == UINT16_MAX ? uint16_t{1} : static_cast<uint16_t>(last_ + 1);
  } while (!used_.insert(last_).second);
  return last_;
}

Outgoing::Entry* Outgoing::next_waiting() {
  while (next_ < entries_.size() && entries_[next_].stage != Stage::waiting) ++next_;
  return next_ < entries_.size() ? &entries_[next_] : nullptr;
}

void Outgoing::sent(Entry& entry) {
  DCHECK(entry.packet_id != 0 && entry.stage == Stage::waiting);
  places_[entry.packet_id] = popped_ + next_;
  entry.stage = entry.packet.empty() ? Stage::released : Stage::sent;
  entry.dup = true;
  ++under_way_;
}

Outgoing::Entry* Outgoing::find(uint16_t packet_id) {
  const auto found = places_.find(packet_id);
  return found == places_.end() ? nullptr : &entries_[found->second - popped_];
}

void Outgoing::finish(Entry& entry) {
  if (entry.stage != Stage::waiting) --under_way_;
  places_.erase(entry.packet_id);
  entry.stage = Stage::done;
  entry.packet = {};
  --unfinished_;
  while (!entries_.empty() && entries_.front().stage == Stage::done) {
    entries_.pop_front();
    ++popped_;
    if (next_ > 0) --next_;
  }
}

std::vector<Request> Outgoing::rewind(bool resumed, PacketIds& ids) {
  std::vector<Request> done;
  for (Entry& entry : entries_) {
    if (entry.stage == Stage::done) continue;
    const bool was_released = entry.packet.empty();
    entry.stage = Stage::waiting;
    if (resumed) continue;
    if (entry.packet_id != 0) ids.give_back(entry.packet_id);
    entry.packet_id = 0;
    entry.dup = false;
    if (!was_released) continue;
    // The broker had it, and has forgotten that it had.
    entry.stage = Stage::done;
    --unfinished_;
    done.push_back(entry.request);
  }
  places_.clear();
  under_way_ = 0;
  next_ = 0;
  while (!entries_.empty() && entries_.front().stage == Stage::done) {
    entries_.pop_front();
    ++popped_;
  }
  return done;
}

}  // namespace tombo::client
