#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/check.h"
#include "base/sync/shared_ref.h"
#include "broker/output.h"
#include "mqtt/message.h"

namespace tombo::broker {

/// The bytes of one connection gathered for one write: small things copied one behind the other,
/// large payloads shared. One for each shard, used again and again.
/// Bound: kBytes of copied bytes, kSlices slices; one shared payload, or the head of one packet
/// with long properties, may be as large as a packet.
class FlushBuffer {
 public:
  static constexpr size_t kBytes = size_t{128} * 1024;
  static constexpr size_t kSlices = 64;
  /// Payloads from this size on are shared, not copied (docs/decisions: measured crossover).
  static constexpr size_t kShareFrom = 512;

  FlushBuffer() : bytes_(std::make_unique<uint8_t[]>(kBytes)) { slices_.reserve(kSlices); }

  void clear() {
    slices_.clear();
    held_.clear();
    used_ = 0;
    size_ = 0;
    if (capacity_ > kBytes) grow(kBytes);
  }

  [[nodiscard]] bool empty() const { return size_ == 0; }

  [[nodiscard]] size_t size() const { return size_; }

  [[nodiscard]] size_t room() const { return capacity_ - used_; }

  /// Grows an empty buffer, until clear(), for one packet whose head alone is larger than kBytes.
  void grow(size_t bytes) {
    DCHECK(empty());
    bytes_ = std::make_unique_for_overwrite<uint8_t[]>(bytes);
    capacity_ = bytes;
  }

  /// Is it time to stop gathering?
  [[nodiscard]] bool full() const { return size_ >= kBytes / 2 || slices_.size() + 2 >= kSlices; }

  /// Where the next copied bytes go. Requires: at least the wanted bytes of room().
  uint8_t* write_at() { return bytes_.get() + used_; }

  /// `count` bytes were written at write_at().
  void commit(size_t count) {
    uint8_t* start = bytes_.get() + used_;
    used_ += count;
    size_ += count;
    if (!slices_.empty() && slices_.back().data + slices_.back().size == start) {
      slices_.back().size += count;
    } else {
      slices_.push_back({start, count});
    }
  }

  /// Adds bytes that stay put elsewhere: the connection's own backlog.
  void add(const uint8_t* data, size_t count) {
    if (count == 0) return;
    slices_.push_back({data, count});
    size_ += count;
  }

  /// Adds a payload by reference and holds the message.
  void add(SharedRef<const mqtt::Message> message, size_t offset) {
    const Bytes payload = message->payload();
    add(payload.data() + offset, payload.size() - offset);
    held_.push_back(std::move(message));
  }

  [[nodiscard]] std::span<const Slice> slices() const { return slices_; }

  /// The message whose payload is the last slice, if it is.
  [[nodiscard]] const SharedRef<const mqtt::Message>* last_held() const {
    if (held_.empty() || slices_.empty()) return nullptr;
    const Bytes payload = held_.back()->payload();
    const Slice& last = slices_.back();
    const bool is_tail =
        last.data >= payload.data() && last.data + last.size == payload.data() + payload.size();
    return is_tail ? &held_.back() : nullptr;
  }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  std::vector<Slice> slices_;
  std::vector<SharedRef<const mqtt::Message>> held_;
  size_t capacity_ = kBytes;
  size_t used_ = 0;
  size_t size_ = 0;
};

}  // namespace tombo::broker
