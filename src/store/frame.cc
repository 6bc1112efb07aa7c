#include "store/frame.h"

#include <array>
#include <string_view>

#include <fmt/core.h>

#include "base/hash.h"
#include "store/message_coding.h"
#include "store/varint.h"

namespace tombo::store {
namespace {

constexpr std::string_view kMagic = "tombo.F";
constexpr size_t kHeaderSize = kMagic.size() + 1;
constexpr size_t kChecksumSize = sizeof(uint64_t);

enum Type : uint8_t {
  message = 1,
  done = 2,
  released = 3,
  received = 4,
  received_done = 5,
  decided = 6,
};

// What a queue entry begins with. Bits 0 and 1 are its QoS.
constexpr uint8_t kQosBits = 0x03;
constexpr uint8_t kRetain = 0x04;
constexpr uint8_t kHasIds = 0x08;
constexpr uint8_t kHasDecision = 0x10;
constexpr uint8_t kKnown = 0x1F;
/// Subscription identifiers of one delivery, more than a session may have subscriptions that match.
constexpr uint64_t kIdsMax = 1'000'000;

uint64_t checksum(Bytes bytes) {
  return hash64(as_text(bytes), 0);
}

}  // namespace

void QueueList::add(const QueueEntry& entry) {
  uint8_t head = mqtt::value(entry.qos);
  if (entry.retain) head |= kRetain;
  if (!entry.subscription_ids.empty()) head |= kHasIds;
  if (entry.decision != 0) head |= kHasDecision;
  bytes_.push_back(head);
  append_varint(bytes_, zigzag(static_cast<int64_t>(entry.session - last_session_)));
  append_varint(bytes_, entry.sequence);
  if (!entry.subscription_ids.empty()) {
    append_varint(bytes_, entry.subscription_ids.size());
    for (const uint32_t id : entry.subscription_ids) append_varint(bytes_, id);
  }
  if (entry.decision != 0) append_varint(bytes_, entry.decision);
  last_session_ = entry.session;
  ++size_;
}

void QueueList::clear() {
  bytes_.clear();
  last_session_ = 0;
  size_ = 0;
}

bool QueueReader::next(QueueEntry& entry) {
  if (left_ == 0 || !ok_) return false;
  ok_ = false;
  const uint8_t head = reader_.u8();
  uint64_t step = 0;
  uint64_t sequence = 0;
  if (!read_varint(reader_, step) || !read_varint(reader_, sequence)) return false;
  if ((head & ~kKnown) != 0 || (head & kQosBits) == kQosBits) return false;
  ids_.clear();
  if ((head & kHasIds) != 0) {
    uint64_t count = 0;
    if (!read_varint(reader_, count) || count > kIdsMax || count > reader_.remaining())
      return false;
    for (; count > 0; --count) {
      uint64_t id = 0;
      if (!read_varint(reader_, id) || id > UINT32_MAX) return false;
      ids_.push_back(static_cast<uint32_t>(id));
    }
  }
  uint64_t decision = 0;
  if ((head & kHasDecision) != 0 && !read_varint(reader_, decision)) return false;
  last_session_ += static_cast<uint64_t>(unzigzag(step));
  entry = {.session = last_session_,
           .sequence = sequence,
           .qos = static_cast<mqtt::Qos>(head & kQosBits),
           .retain = (head & kRetain) != 0,
           .subscription_ids = ids_,
           .decision = decision};
  --left_;
  ok_ = true;
  return true;
}

void FrameWriter::begin() {
  bytes_.clear();
  ByteWriter(bytes_).text(kMagic);
  bytes_.push_back(kFrameVersion);
  messages_ = 0;
  records_ = 0;
}

void FrameWriter::begin_record(uint8_t type) {
  bytes_.push_back(type);
  ++records_;
}

uint32_t FrameWriter::add(const mqtt::MessageParts& parts, const QueueList& queues) {
  begin_record(Type::message);
  append_message(bytes_, parts);
  append_varint(bytes_, queues.size());
  append_varint(bytes_, queues.bytes().size());
  ByteWriter(bytes_).bytes(queues.bytes());
  return messages_++;
}

void FrameWriter::add(const DoneRecord& record) {
  begin_record(Type::done);
  append_varint(bytes_, record.session);
  append_varint(bytes_, record.sequence);
}

void FrameWriter::add(const ReleasedRecord& record) {
  begin_record(Type::released);
  append_varint(bytes_, record.session);
  append_varint(bytes_, record.sequence);
}

void FrameWriter::add(const ReceivedRecord& record) {
  begin_record(Type::received);
  append_varint(bytes_, record.session);
  append_varint(bytes_, record.packet_id);
}

void FrameWriter::add(const ReceivedDoneRecord& record) {
  begin_record(Type::received_done);
  append_varint(bytes_, record.session);
  append_varint(bytes_, record.packet_id);
}

void FrameWriter::add(const DecidedRecord& record) {
  begin_record(Type::decided);
  append_varint(bytes_, record.decision);
}

Bytes FrameWriter::finish() {
  const uint64_t sum = checksum(bytes_);
  ByteWriter writer(bytes_);
  writer.u32(static_cast<uint32_t>(sum >> 32));
  writer.u32(static_cast<uint32_t>(sum));
  return bytes_;
}

Result<FrameReader> FrameReader::open(Bytes frame) {
  if (frame.size() < kHeaderSize + kChecksumSize || as_text(frame.first(kMagic.size())) != kMagic) {
    return Error{"not a frame"};
  }
  // Before the checksum: a newer version may have another one.
  const uint8_t version = frame[kMagic.size()];
  if (version != kFrameVersion) {
    return Error{
        fmt::format("a frame of version {}, and only {} is known: it was written by a "
                    "newer tombo",
                    version, kFrameVersion)};
  }
  ByteReader sum(frame.last(kChecksumSize));
  const uint64_t upper = sum.u32();
  const Bytes whole = frame.first(frame.size() - kChecksumSize);
  if ((upper << 32 | sum.u32()) != checksum(whole)) {
    return Error{"damaged: the checksum of the frame is wrong"};
  }
  return FrameReader(whole.subspan(kHeaderSize));
}

namespace {

/// Two numbers, as most records are.
template <class Second>
[[nodiscard]] bool read_pair(ByteReader& reader, SessionNumber& session, Second& second) {
  uint64_t value = 0;
  if (!read_varint(reader, session) || !read_varint(reader, value)) return false;
  second = static_cast<Second>(value);
  return second == value;
}

[[nodiscard]] bool read_body(ByteReader& reader, MessageRecord& record) {
  uint64_t count = 0;
  uint64_t size = 0;
  if (!read_message(reader, record.parts) || !read_varint(reader, count) ||
      !read_varint(reader, size) || size > reader.remaining() || count > size) {
    return false;
  }
  record.queue_count = static_cast<uint32_t>(count);
  record.queues = reader.bytes(size);
  return true;
}

[[nodiscard]] bool read_body(ByteReader& reader, DoneRecord& record) {
  return read_pair(reader, record.session, record.sequence);
}

[[nodiscard]] bool read_body(ByteReader& reader, ReleasedRecord& record) {
  return read_pair(reader, record.session, record.sequence);
}

[[nodiscard]] bool read_body(ByteReader& reader, ReceivedRecord& record) {
  return read_pair(reader, record.session, record.packet_id);
}

[[nodiscard]] bool read_body(ByteReader& reader, ReceivedDoneRecord& record) {
  return read_pair(reader, record.session, record.packet_id);
}

[[nodiscard]] bool read_body(ByteReader& reader, DecidedRecord& record) {
  return read_varint(reader, record.decision);
}

template <class Record>
[[nodiscard]] bool read_record(ByteReader& reader, FrameRecord& record) {
  return read_body(reader, record.emplace<Record>());
}

[[nodiscard]] bool read_any(uint8_t type, ByteReader& reader, FrameRecord& record) {
  switch (type) {
    case Type::message:
      return read_record<MessageRecord>(reader, record);
    case Type::done:
      return read_record<DoneRecord>(reader, record);
    case Type::released:
      return read_record<ReleasedRecord>(reader, record);
    case Type::received:
      return read_record<ReceivedRecord>(reader, record);
    case Type::received_done:
      return read_record<ReceivedDoneRecord>(reader, record);
    case Type::decided:
      return read_record<DecidedRecord>(reader, record);
    default:
      return false;
  }
}

}  // namespace

Result<std::optional<FrameRecord>> FrameReader::next() {
  if (reader_.remaining() == 0) return std::optional<FrameRecord>();
  const size_t at = kHeaderSize + reader_.position();
  const uint8_t type = reader_.u8();
  FrameRecord record;
  if (!read_any(type, reader_, record)) {
    return Error{fmt::format("damaged: the record of type {} at byte {} makes no sense", type, at)};
  }
  return std::optional(record);
}

}  // namespace tombo::store
