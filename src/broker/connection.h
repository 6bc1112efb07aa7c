#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/slab.h"
#include "base/time.h"
#include "base/timer_wheel.h"
#include "broker/ack_queue.h"
#include "broker/delivery.h"
#include "broker/ids.h"
#include "broker/ports/authenticator.h"
#include "mqtt/message.h"
#include "mqtt/types.h"

namespace tombo::broker {

using Buffer = std::vector<uint8_t>;

/// Bytes that a socket did not take: they go first next time. The tail is the rest of a payload too
/// large to copy.
struct Backlog {
  Buffer bytes;
  size_t written = 0;  ///< of `bytes`
  SharedRef<const mqtt::Message> tail;
  size_t tail_offset = 0;  ///< in the tail's payload

  [[nodiscard]] bool empty() const { return written == bytes.size() && !tail; }
};

/// Topic aliases of a connection, both ways (section 3.3.2.3.4). Bounded by the maxima announced.
struct TopicAliases {
  std::vector<std::string> from_client;  ///< [alias - 1]; empty: not set
  std::vector<std::string> to_client;    ///< [alias - 1]; given out first come, first served
};

/// Control packets from `offset` on wait until batch `batch` of this shard is safe.
struct ControlHold {
  size_t offset = 0;
  uint64_t batch = 0;
};

/// A SUBSCRIBE whose shared filters wait for their home shards.
struct PendingSubscribe {
  mqtt::PacketId packet_id{};
  Buffer reasons{};
  std::string why{};     ///< the first refusal of them in words
  uint32_t request = 0;  ///< number in GroupUpdate and GroupJoined
  uint32_t remaining = 0;
};

/// A CONNECT whose login is being decided.
struct PendingLogin {
  Buffer connect;         ///< the packet as it came
  std::string client_id;  ///< sent or assigned
  bool assigned = false;
  Time answer_by{};              ///< the login takes no longer than this
  bool delayed = false;          ///< waits to be looked at
  Buffer authentication_data{};  ///< of an exchange, while it is delayed
};

/// The enhanced authentication of a client whose CONNECT names a method (section 4.12).
struct EnhancedAuthentication {
  std::string method;
  std::unique_ptr<AuthExchange> exchange;  ///< the one under way; null: none
};

/// One socket's life: what is forgotten when it ends. A CONNECT gives it a session.
/// Home: the shard that accepted it, then the home of its client id. Bounds: `partial` by the
/// maximum packet size, `control` by kControlBytesMax (reading stops), the rest by the session.
struct Connection {
  enum class Stage : uint8_t {
    connecting,      ///< no CONNECT yet
    authenticating,  ///< waits for an authenticator, or for the AUTH packets of an exchange
    open,
    closing,  ///< a last packet may leave; nothing is read any more
  };
  /// Control packets waiting for the socket beyond this: reading stops until they are written.
  static constexpr size_t kControlBytesMax = size_t{64} * 1024;

  Timer timer;  ///< connect timeout, then keep alive; re-armed when it fires, not for each packet
  SessionId session;
  Time last_received{};
  std::unique_ptr<Buffer> partial;  ///< the beginning of a packet whose rest has not come
  std::unique_ptr<Buffer> control;  ///< packets other than PUBLISH, to be written first
  std::unique_ptr<std::vector<ControlHold>> holds;  ///< parts of `control`, ascending both ways
  std::unique_ptr<Backlog> backlog;
  std::unique_ptr<TopicAliases> aliases;
  std::unique_ptr<std::vector<PendingSubscribe>> subscribing;
  std::unique_ptr<PendingLogin> login;                     ///< while Stage::authenticating
  std::unique_ptr<EnhancedAuthentication> authentication;  ///< null: CONNECT names no method
  std::unique_ptr<char[]> address;          ///< "ADDR:PORT", of the client as far as it is known
  std::unique_ptr<char[]> counted_address;  ///< that limits go by; null: the same
  std::unique_ptr<std::string> peer_name;   ///< by its certificate, until CONNECT is answered
  AckQueue acks;
  uint32_t packet_size_max = 0;      ///< the client's Maximum Packet Size; 0: none
  uint32_t packet_size_max_in = 0;   ///< largest packet the client may send; 0: no limit
  uint16_t receive_maximum = 65535;  ///< QoS 1 and 2 we may have unacknowledged at the client
  uint16_t alias_maximum_out = 0;    ///< aliases we may use towards the client
  /// What CONNACK promised the client; a reload changes it for new connections only.
  uint16_t receive_maximum_in = 65535;
  uint16_t alias_maximum_in = 0;
  uint16_t received_before = 0;  ///< QoS 2 ids in Session::received of earlier connections
  uint16_t keep_alive_s = 0;
  uint16_t listener = 0;
  uint16_t limits_logged = 0;  ///< [LimitHit]: bits of what the log has said already
  uint16_t paused_for = 0;     ///< reasons not to read, see Pause
  mqtt::Version version = mqtt::Version::v3_1_1;
  Stage stage = Stage::connecting;
  bool dirty : 1 = false;    ///< listed in Output::dirty
  bool blocked : 1 = false;  ///< the socket did not take all of the last write
  bool problem_information : 1 = true;
  bool bridge : 1 = false;
  bool will_wanted : 1 = true;     ///< cleared by a normal DISCONNECT
  bool holds_place : 1 = false;    ///< one of global_max_connections
  bool counted : 1 = false;        ///< in Stats::connected
  bool greeted : 1 = false;        ///< its first packet, CONNACK, has been written
  bool authenticated : 1 = false;  ///< has proved who it is
  bool moved : 1 = false;          ///< its CONNECT was read on another shard already
  bool is_proxied : 1 = false;     ///< its PROXY header has not come
  bool pending : 1 = false;        ///< Admission counts it as not logged in
  bool retain_in : 1 = true;       ///< Retain Available, as promised
  uint8_t max_qos_in : 2 = 2;      ///< Maximum QoS, as promised

  /// Why reading is stopped; bits of `paused_for`.
  enum Pause : uint16_t {
    pause_control = 1,
    pause_credit = 2,
    pause_acks = 4,
    pause_subscribe = 8,
    pause_login = 16,  ///< what was read behind the CONNECT waits in `partial`
    pause_rate = 32,   ///< too much was sent: what was read behind it waits in `partial`
    pause_disk = 64    ///< a message that the full disk cannot take waits first in `partial`
  };

  [[nodiscard]] bool is_open() const { return stage == Stage::open; }

  [[nodiscard]] const char* address_for_limits() const {
    return counted_address != nullptr ? counted_address.get() : address.get();
  }

  /// Does what the client sent next wait in `partial`, until a rate or the disk allows it?
  [[nodiscard]] bool is_slowed() const { return (paused_for & (pause_rate | pause_disk)) != 0; }

  /// Do packets behind the last one wait, for that or for a login to be decided? Those of an
  /// exchange decide it.
  [[nodiscard]] bool rest_waits() const {
    if (stage == Stage::authenticating) return authentication == nullptr || login->delayed;
    return is_slowed();
  }
};

static_assert(sizeof(Connection) <= 224, "an idle connection stays small");

}  // namespace tombo::broker
