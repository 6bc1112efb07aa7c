#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "broker/ports/store.h"
#include "store/frame_index.h"
#include "store/frame_store.h"

namespace tombo::store {

/// A queue entry for the broker. `message` is that of `record`.
broker::RestoredSession::Entry entry_of(const QueueEntry& entry,
                                        SharedRef<const mqtt::Message> message);

/// The message of `record`, for any thread.
SharedRef<const mqtt::Message> message_of(const MessageRecord& record);

/// Reads messages of queues back from the frames that they are in. Keeps the last frame, for what
/// comes together was often queued together. Lives while nothing is committed.
class QueuePages {
 public:
  /// Both outlive it.
  QueuePages(FrameStore& store, const FrameIndex& index) : store_(store), index_(index) {}

  /// As QueueRead tells. Reads no more than one frame beyond `bytes_max`. Error: a frame is not
  /// there, cannot be read, or is damaged.
  Result<broker::QueuePage> read(const broker::QueueRead& wanted, size_t bytes_max);

  /// Bytes of frames read so far.
  [[nodiscard]] size_t bytes_read() const { return bytes_read_; }

 private:
  /// Finds the message at `place`; its views live until the next call.
  Result<MessageRecord> find(FrameIndex::Place place);
  Result<void> open(FrameNumber frame);

  FrameStore& store_;
  const FrameIndex& index_;
  FrameNumber frame_ = 0;
  std::string bytes_;
  std::optional<FrameReader> reader_;
  uint32_t next_ = 0;  ///< index of the message that reader_ comes to next
  MessageRecord found_;
  size_t bytes_read_ = 0;
};

}  // namespace tombo::store
