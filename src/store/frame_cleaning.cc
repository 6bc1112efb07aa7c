#include "store/frame_cleaning.h"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace tombo::store {
namespace {

/// Writes the message again for the entries of it that live at `place`, and counts it.
[[nodiscard]] bool write_again(const MessageRecord& record, FrameIndex::Place place,
                               FrameIndex& index, FrameWriter& writer, uint32_t& count) {
  QueueList list;
  std::vector<std::pair<SessionNumber, uint64_t>> moved;
  QueueReader queues(record);
  for (QueueEntry entry; queues.next(entry);) {
    if (!index.lives(entry, place)) continue;
    // When it is made, that stands behind what is written here.
    if (!index.is_undecided(entry.decision)) entry.decision = 0;
    list.add(entry);
    moved.emplace_back(entry.session, entry.sequence);
  }
  if (list.size() == 0) return queues.ok();
  const uint32_t at = writer.add(record.parts, list);
  ++count;
  for (const auto& [session, sequence] : moved) {
    if (!index.add(session, sequence, at)) return false;
  }
  return queues.ok();
}

}  // namespace

Result<uint32_t> write_living_again(FrameNumber number, Bytes frame, FrameIndex& index,
                                    FrameWriter& writer) {
  Result<FrameReader> reader = FrameReader::open(frame);
  if (!reader) return reader.error();
  FrameIndex::Place place{number, 0};
  uint32_t count = 0;
  for (;;) {
    const Result<std::optional<FrameRecord>> record = reader->next();
    if (!record) return record.error();
    if (!record->has_value()) return count;
    bool sensible = true;
    if (const auto* message = std::get_if<MessageRecord>(&**record)) {
      sensible = write_again(*message, place, index, writer, count);
      ++place.index;
    } else if (const auto* released = std::get_if<ReleasedRecord>(&**record)) {
      if (!index.is_released_in(released->session, released->sequence, number)) continue;
      writer.add(*released);
      sensible = index.release(released->session, released->sequence);
    } else if (const auto* received = std::get_if<ReceivedRecord>(&**record)) {
      if (!index.is_received_in(*received, number)) continue;
      writer.add(*received);
      index.add_received(received->session, received->packet_id);
    }
    if (!sensible) return Error{"damaged: a record of the frame makes no sense"};
  }
}

}  // namespace tombo::store
