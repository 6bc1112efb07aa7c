#include "store/frame_index.h"

#include <algorithm>
#include <variant>

#include "base/check.h"

namespace tombo::store {
namespace {

constexpr unsigned kIndexBits = 20;
constexpr uint64_t kIndexMask = (uint64_t{1} << kIndexBits) - 1;
/// In place of an index: the entry is released.
constexpr uint64_t kReleased = kIndexMask;

constexpr uint64_t pack(FrameNumber frame, uint64_t index) {
  return frame << kIndexBits | index;
}

constexpr FrameNumber frame_of(uint64_t packed) {
  return packed >> kIndexBits;
}

}  // namespace

void FrameIndex::add_session(SessionNumber session) {
  const bool is_new = sessions_.try_emplace(session).second;
  CHECK(is_new, "a session has one number");
}

void FrameIndex::erase_session(SessionNumber session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  for (const uint64_t packed : found->second.places) {
    if (packed != 0) unpin(frame_of(packed));
  }
  for (const ReceivedId& id : found->second.received) unpin(id.frame);
  sessions_.erase(found);
}

void FrameIndex::begin_frame(FrameNumber number) {
  if (frames_.empty()) first_frame_ = deleted_to_ = number;
  DCHECK(number >= first_frame_ + frames_.size());
  // Numbers in between were never written, because what was to be there came to nothing.
  frames_.resize(number - first_frame_ + 1);
  current_ = number;
}

void FrameIndex::end_frame(size_t bytes) {
  FrameState& state = frames_.back();
  state.bytes = static_cast<uint32_t>(bytes);
  state.bytes_each = state.live == 0 ? 0 : state.bytes / state.live;
  bytes_ += state.bytes;
  live_bytes_ += uint64_t{state.bytes_each} * state.live;
}

Result<void> FrameIndex::apply(FrameNumber number, Bytes frame) {
  Result<FrameReader> reader = FrameReader::open(frame);
  if (!reader) return reader.error();
  begin_frame(number);
  uint32_t index = 0;
  for (;;) {
    const Result<std::optional<FrameRecord>> record = reader->next();
    if (!record) return record.error();
    if (!record->has_value()) break;
    bool sensible = true;
    if (const auto* message = std::get_if<MessageRecord>(&**record)) {
      sensible = apply(*message, index++);
    } else if (const auto* done = std::get_if<DoneRecord>(&**record)) {
      finish(done->session, done->sequence);
    } else if (const auto* released = std::get_if<ReleasedRecord>(&**record)) {
      sensible = release(released->session, released->sequence);
    } else if (const auto* received = std::get_if<ReceivedRecord>(&**record)) {
      add_received(received->session, received->packet_id);
    } else if (const auto* decided = std::get_if<DecidedRecord>(&**record)) {
      decide(decided->decision);
    } else if (const auto* received_done = std::get_if<ReceivedDoneRecord>(&**record)) {
      finish_received(received_done->session, received_done->packet_id);
    }
    if (!sensible) return Error{"damaged: a record of the frame makes no sense"};
  }
  end_frame(frame.size());
  return {};
}

bool FrameIndex::apply(const MessageRecord& record, uint32_t index) {
  QueueReader queues(record);
  for (QueueEntry entry; queues.next(entry);) {
    if (!add(entry.session, entry.sequence, index, entry.decision)) return false;
  }
  return queues.ok();
}

bool FrameIndex::add(SessionNumber session, uint64_t sequence, uint32_t index, uint64_t decision) {
  if (decision != 0) undecided_[decision].push_back({session, sequence, decision});
  last_decision_ = std::max(last_decision_, decision);
  return index < kReleased && put(session, sequence, pack(current_, index));
}

bool FrameIndex::release(SessionNumber session, uint64_t sequence) {
  return put(session, sequence, pack(current_, kReleased));
}

void FrameIndex::decide(uint64_t decision) {
  undecided_.erase(decision);
  last_decision_ = std::max(last_decision_, decision);
}

std::vector<FrameIndex::Undecided> FrameIndex::drop_undecided() {
  std::vector<Undecided> dropped;
  for (const auto& [decision, entries] : std::exchange(undecided_, {})) {
    for (const Undecided& entry : entries) {
      finish(entry.session, entry.sequence);
      dropped.push_back(entry);
    }
  }
  return dropped;
}

void FrameIndex::finish(SessionNumber number, uint64_t sequence) {
  const auto found = sessions_.find(number);
  if (found == sessions_.end()) return;
  Session& session = found->second;
  const uint64_t at = sequence - session.first;
  if (at >= session.places.size() || session.places[at] == 0) return;
  unpin(frame_of(session.places[at]));
  session.places[at] = 0;
  while (!session.places.empty() && session.places.front() == 0) {
    static_cast<void>(session.places.pop_front());
    ++session.first;
  }
}

/// An entry lives at a new place, and no longer where it was.
bool FrameIndex::put(SessionNumber number, uint64_t sequence, uint64_t packed) {
  const auto found = sessions_.find(number);
  if (found == sessions_.end()) return true;
  Session& session = found->second;
  if (session.places.empty()) session.first = sequence;
  // An older entry may be met after a younger one: it was written again.
  if (sequence < session.first) {
    if (session.first - sequence + session.places.size() > kSpanMax) return false;
    for (; sequence < session.first; --session.first) session.places.push_front(0);
  }
  const uint64_t at = sequence - session.first;
  if (at >= kSpanMax) return false;
  while (session.places.size() <= at) session.places.push_back(0);
  if (const uint64_t before = session.places[at]; before != 0) unpin(frame_of(before));
  session.places[at] = packed;
  pin();
  return true;
}

std::optional<uint64_t> FrameIndex::find(SessionNumber number, uint16_t packet_id) const {
  const auto found = sessions_.find(number);
  if (found == sessions_.end()) return std::nullopt;
  const Session& session = found->second;
  const uint16_t first_id = packet_id_of(session.first);
  uint64_t at = packet_id >= first_id ? packet_id - first_id : UINT16_MAX - first_id + packet_id;
  for (; at < session.places.size(); at += UINT16_MAX) {
    if (session.places[at] != 0) return session.first + at;
  }
  return std::nullopt;
}

void FrameIndex::add_received(SessionNumber number, uint16_t packet_id) {
  const auto session = sessions_.find(number);
  if (session == sessions_.end()) return;
  std::vector<ReceivedId>& ids = session->second.received;
  const auto id = std::ranges::find(ids, packet_id, &ReceivedId::packet_id);
  if (id == ids.end()) {
    ids.push_back({packet_id, current_});
  } else {
    unpin(std::exchange(id->frame, current_));
  }
  pin();
}

void FrameIndex::finish_received(SessionNumber number, uint16_t packet_id) {
  const auto session = sessions_.find(number);
  if (session == sessions_.end()) return;
  std::vector<ReceivedId>& ids = session->second.received;
  const auto id = std::ranges::find(ids, packet_id, &ReceivedId::packet_id);
  if (id == ids.end()) return;
  unpin(id->frame);
  ids.erase(id);
}

/// Something lives in the frame that is being applied.
void FrameIndex::pin() {
  ++frames_.back().live;
}

void FrameIndex::unpin(FrameNumber number) {
  DCHECK(number >= first_frame_ && number - first_frame_ < frames_.size());
  FrameState& state = frames_[number - first_frame_];
  DCHECK(state.live > 0);
  --state.live;
  live_bytes_ -= state.bytes_each;
}

std::optional<FrameNumber> FrameIndex::front() const {
  for (size_t i = 0; i < frames_.size(); ++i) {
    if (frames_[i].live != 0) return first_frame_ + i;
  }
  return std::nullopt;
}

FrameIndex::Range FrameIndex::take_dead() {
  while (!frames_.empty() && frames_.front().live == 0) {
    bytes_ -= frames_.front().bytes;
    frames_.pop_front();
    ++first_frame_;
  }
  return {std::exchange(deleted_to_, first_frame_), first_frame_};
}

bool FrameIndex::worth_cleaning() const {
  return bytes_ > small_log_ && bytes_ > 2 * live_bytes_;
}

uint64_t FrameIndex::packed_at(SessionNumber session, uint64_t sequence) const {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return 0;
  const uint64_t at = sequence - found->second.first;
  return at < found->second.places.size() ? found->second.places[at] : 0;
}

bool FrameIndex::lives(const QueueEntry& entry, Place place) const {
  return packed_at(entry.session, entry.sequence) == pack(place.frame, place.index);
}

bool FrameIndex::is_released_in(SessionNumber session, uint64_t sequence, FrameNumber frame) const {
  return packed_at(session, sequence) == pack(frame, kReleased);
}

bool FrameIndex::is_received_in(const ReceivedRecord& record, FrameNumber frame) const {
  const auto session = sessions_.find(record.session);
  if (session == sessions_.end()) return false;
  return std::ranges::any_of(session->second.received, [&](const ReceivedId& id) {
    return id.packet_id == record.packet_id && id.frame == frame;
  });
}

std::vector<FrameIndex::Entry> FrameIndex::entries(SessionNumber session, uint64_t first,
                                                   size_t max) const {
  std::vector<Entry> found;
  const auto at = sessions_.find(session);
  if (at == sessions_.end()) return found;
  const Session& queue = at->second;
  for (uint64_t i = first > queue.first ? first - queue.first : 0;
       i < queue.places.size() && found.size() < max; ++i) {
    const uint64_t packed = queue.places[i];
    if (packed == 0) continue;
    Entry& entry = found.emplace_back();
    entry.sequence = queue.first + i;
    if ((packed & kIndexMask) != kReleased) {
      entry.place = Place{frame_of(packed), static_cast<uint32_t>(packed & kIndexMask)};
    }
  }
  return found;
}

uint64_t FrameIndex::sequence_after(SessionNumber session, size_t count) const {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return UINT64_MAX;
  const Session& queue = found->second;
  for (uint64_t i = 0; i < queue.places.size(); ++i) {
    if (queue.places[i] == 0) continue;
    if (count == 0) return queue.first + i;
    --count;
  }
  return UINT64_MAX;
}

std::vector<uint16_t> FrameIndex::received(SessionNumber session) const {
  std::vector<uint16_t> ids;
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return ids;
  for (const ReceivedId& id : found->second.received) ids.push_back(id.packet_id);
  return ids;
}

}  // namespace tombo::store
