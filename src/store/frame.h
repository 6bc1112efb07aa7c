#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "mqtt/message.h"

/// A frame is what one commit adds to the log of messages: docs/formats/frame.md. Pure: bytes in,
/// bytes out. A frame means the same whatever the number of shards is.
namespace tombo::store {

/// Frames count up from 1 and are never used twice.
using FrameNumber = uint64_t;
/// Names a session for ever, also when another one has its client id later. Not 0.
using SessionNumber = uint64_t;

/// Packet ids count from 1 to 65535 again and again, as the sequence does.
[[nodiscard]] constexpr uint16_t packet_id_of(uint64_t sequence) {
  return static_cast<uint16_t>(sequence % UINT16_MAX + 1);
}

inline constexpr uint8_t kFrameVersion = 1;

/// One message in the queue of one session. `sequence` numbers the QoS 1 and 2 messages of the
/// session in their order; the packet id follows from it.
struct QueueEntry {
  SessionNumber session = 0;
  uint64_t sequence = 0;
  mqtt::Qos qos = mqtt::Qos::at_least_once;
  bool retain = false;  ///< The flag of the delivery.
  std::span<const uint32_t> subscription_ids{};
  uint64_t decision = 0;  ///< The entry counts only if a DecidedRecord with it follows; 0: always.
};

/// The queues that a message goes to, encoded.
class QueueList {
 public:
  void add(const QueueEntry& entry);

  [[nodiscard]] uint32_t size() const { return size_; }

  [[nodiscard]] Bytes bytes() const { return bytes_; }

  void clear();

 private:
  std::vector<uint8_t> bytes_;
  SessionNumber last_session_ = 0;
  uint32_t size_ = 0;
};

/// A message and the queues that it went to.
struct MessageRecord {
  mqtt::MessageParts parts;  ///< Views of the frame; origin and sequence are not kept.
  uint32_t queue_count = 0;
  Bytes queues;  ///< For QueueReader.
};

/// Entries of one queue that are done with: acknowledged, expired or dropped.
struct DoneRecord {
  SessionNumber session = 0;
  uint64_t sequence = 0;
};

/// PUBREC has come for a QoS 2 entry: its message is not needed any more, its packet id is.
struct ReleasedRecord {
  SessionNumber session = 0;
  uint64_t sequence = 0;
};

/// A QoS 2 PUBLISH of the session's client was taken and must not be routed again until PUBREL.
struct ReceivedRecord {
  SessionNumber session = 0;
  uint16_t packet_id = 0;
};

/// PUBREL has come.
struct ReceivedDoneRecord {
  SessionNumber session = 0;
  uint16_t packet_id = 0;
};

/// Entries with this decision count.
struct DecidedRecord {
  uint64_t decision = 0;
};

using FrameRecord = std::variant<MessageRecord, DoneRecord, ReleasedRecord, ReceivedRecord,
                                 ReceivedDoneRecord, DecidedRecord>;

/// Puts a frame together. Reusable: begin() starts the next one in the same memory.
class FrameWriter {
 public:
  void begin();

  /// Gives the index of the message in the frame.
  uint32_t add(const mqtt::MessageParts& parts, const QueueList& queues);
  void add(const DoneRecord& record);
  void add(const ReleasedRecord& record);
  void add(const ReceivedRecord& record);
  void add(const ReceivedDoneRecord& record);
  void add(const DecidedRecord& record);

  [[nodiscard]] bool empty() const { return records_ == 0; }

  [[nodiscard]] size_t size() const { return bytes_.size(); }

  /// The frame. Valid until begin(); nothing may be added.
  [[nodiscard]] Bytes finish();

 private:
  void begin_record(uint8_t type);

  std::vector<uint8_t> bytes_;
  uint32_t messages_ = 0;
  uint32_t records_ = 0;
};

/// Reads a frame. Every length is bound by what is there; a bit that is wrong anywhere is found by
/// the checksum.
class FrameReader {
 public:
  /// `frame` outlives the reader and its records. Error: not a frame, of a version that is not
  /// known (a newer tombo wrote it), or damaged.
  static Result<FrameReader> open(Bytes frame);

  /// The next record; nullopt at the end. Error: the byte, and what is wrong.
  Result<std::optional<FrameRecord>> next();

 private:
  explicit FrameReader(Bytes records) : reader_(records) {}

  ByteReader reader_;
};

/// Reads the queues of a message.
class QueueReader {
 public:
  explicit QueueReader(const MessageRecord& record)
      : reader_(record.queues), left_(record.queue_count) {}

  /// False at the end, or when the bytes are not a list.
  [[nodiscard]] bool next(QueueEntry& entry);

  /// Is what was read a list, and all of it?
  [[nodiscard]] bool ok() const { return ok_ && left_ == 0 && reader_.remaining() == 0; }

 private:
  ByteReader reader_;
  uint32_t left_;
  SessionNumber last_session_ = 0;
  bool ok_ = true;
  std::vector<uint32_t> ids_;
};

}  // namespace tombo::store
