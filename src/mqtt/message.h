#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/sync/shared_ref.h"
#include "mqtt/property.h"
#include "mqtt/types.h"

namespace tombo::mqtt {

/// Who published a message, for who may still do so later.
struct MessageSource {
  std::string_view client_id;
  std::string_view user_name;  ///< empty: anonymous
  uint16_t listener = 0;
};

/// What a Message is made of.
struct MessageParts {
  std::string_view topic;  ///< mount point included
  Properties properties;   ///< those that are forwarded: see is_forwarded()
  Bytes payload;
  Qos qos = Qos::at_most_once;
  bool retain = false;
  uint64_t origin = 0;        ///< hash of the publisher's client id, for No Local; 0: the broker
  uint32_t sequence = 0;      ///< counts the messages of one origin, to tell the newer of two
  int64_t expires_at_ms = 0;  ///< wall clock, milliseconds since the epoch; 0: never
  std::optional<MessageSource> source{};  ///< kept where it is asked for: it takes memory
};

/// Is a property of a PUBLISH handed on to subscribers as it came? Topic Alias, Subscription
/// Identifier and Message Expiry Interval are the broker's own business (section 3.3.2.3).
bool is_forwarded(PropertyId id);

/// An application message on its way, shared by all its receivers on all shards: immutable, in one
/// allocation, topic, properties and payload laid out as the wire wants them, then the source.
/// Lives as long as the last SharedRef. Size: 40 bytes and the parts; 6 for a source, and its
/// names.
class Message final : public SharedCount {
 public:
  /// Copies the parts. Properties that are not forwarded are left out.
  static SharedRef<const Message> make(const MessageParts& parts);
  /// For SharedRef.
  static void destroy(const Message* message);

  std::string_view topic() const { return {data(), topic_size_}; }

  Properties properties() const {
    return Properties(as_bytes({data() + topic_size_, properties_size_}));
  }

  Bytes payload() const {
    return as_bytes({data() + topic_size_ + properties_size_, payload_size_});
  }

  uint32_t payload_size() const { return payload_size_; }

  Qos qos() const { return qos_; }

  bool retain() const { return retain_; }

  /// Who published it, if that was kept.
  std::optional<MessageSource> source() const;

  uint64_t origin() const { return origin_; }

  /// Is this the same message as `other`, or a later one of the same publisher?
  bool follows(const Message& other) const {
    return origin_ == other.origin_ && static_cast<int32_t>(sequence_ - other.sequence_) >= 0;
  }

  int64_t expires_at_ms() const { return expires_at_ms_; }

  bool expired(int64_t wall_ms) const { return expires_at_ms_ != 0 && wall_ms >= expires_at_ms_; }

  /// Bytes of memory that it takes, for budgets.
  uint32_t footprint() const { return source_offset() + (has_source_ ? source_size() : 0); }

 private:
  Message() = default;

  const char* data() const { return reinterpret_cast<const char*>(this + 1); }

  uint32_t source_offset() const {
    return static_cast<uint32_t>(sizeof(Message)) + topic_size_ + properties_size_ + payload_size_;
  }

  uint32_t source_size() const;

  bool retain_ : 1 = false;
  bool has_source_ : 1 = false;
  Qos qos_ = Qos::at_most_once;
  uint16_t topic_size_ = 0;
  uint32_t payload_size_ = 0;
  uint32_t properties_size_ = 0;
  uint32_t sequence_ = 0;
  uint64_t origin_ = 0;
  int64_t expires_at_ms_ = 0;
};

/// How one receiver gets a message: what differs between receivers.
struct PublishHead {
  Version version = Version::v3_1_1;
  Qos qos = Qos::at_most_once;
  bool dup = false;
  bool retain = false;
  PacketId packet_id;
  std::string_view topic;          ///< may be empty when topic_alias stands for it
  uint16_t topic_alias = 0;        ///< 0: none
  uint32_t expiry_interval_s = 0;  ///< remaining; sent when has_expiry
  bool has_expiry = false;
  const uint32_t* subscription_ids = nullptr;
  uint32_t subscription_id_count = 0;
};

/// Size of the whole PUBLISH packet with this head.
uint32_t publish_size(const PublishHead& head, const Message& message);
/// Bytes that write_publish_head() writes at most for this head and message.
uint32_t publish_head_size_max(const PublishHead& head, const Message& message);
/// Writes everything in front of the payload. Requires room for publish_head_size_max() bytes.
/// Returns the bytes written. Order of properties: the publisher's own, then message expiry, topic
/// alias and subscription identifiers last, as Mosquitto does.
uint32_t write_publish_head(uint8_t* out, const PublishHead& head, const Message& message);

}  // namespace tombo::mqtt
