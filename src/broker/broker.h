#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/log.h"
#include "base/time.h"
#include "broker/flush_buffer.h"
#include "broker/ids.h"
#include "broker/limits.h"
#include "broker/mail.h"
#include "broker/output.h"
#include "broker/ports/admission.h"
#include "broker/ports/authenticator.h"
#include "broker/ports/authorizer.h"
#include "broker/ports/store.h"
#include "broker/stats.h"
#include "config/config.h"

namespace tombo::broker {

class InterestTable;
class Core;

/// The pace of replays of retained messages, each as in limits.h. Tests make it short.
struct ReplayLimits {
  size_t page = kReplayPage;
  size_t active = kReplaysActive;
  size_t held = kReplayHeldMax;
  size_t seen = kReplaySeenMax;
};

/// How much of a durable session's queue is in memory, each as in limits.h. Tests make it short.
struct QueueLimits {
  size_t in_memory = kQueueInMemory;
  size_t bytes_in_memory = kQueueBytesInMemory;
  uint32_t page = kQueuePage;
};

/// What a shard's broker is built from. All references outlive it.
struct BrokerSetup {
  ShardId shard;
  unsigned shards = 1;
  std::shared_ptr<const config::Config> config;
  InterestTable* interest = nullptr;  ///< shared by all shards; may be null with one shard
  Logger* log = nullptr;              ///< this shard's own
  Store* store = nullptr;
  Authenticator* authenticator = nullptr;          ///< null: allow_anonymous decides
  std::shared_ptr<const Authorizer> authorizer{};  ///< null: everything is allowed
  Admission* admission = nullptr;                  ///< null: no broker-wide limits
  uint64_t hash_seed = 0;                          ///< the same on all shards: homes depend on it
  uint64_t random_seed = 0;
  SessionKey first_session_key = 1;  ///< beyond all that the store has had; the same on all shards
  uint64_t first_decision = 1;       ///< the same for StoreOp::decision
  Time start{};                      ///< the time when the shard begins
  ReplayLimits replay_limits{};
  QueueLimits queue_limits{};
};

/// The shard that a client id, a retained topic or a shared group is at home on.
[[nodiscard]] ShardId home_of(std::string_view key, uint64_t hash_seed, unsigned shards);

/// A connection that a listener accepted.
struct OpenInfo {
  std::string_view address;  ///< "ADDR:PORT" of the peer, for logs
  uint16_t listener = 0;     ///< index into Config::listeners
  bool is_proxied = false;   ///< the address is that of a proxy, until on_client_address()
  bool pending = false;      ///< counted: Admission::leave_pending() when it is no longer
};

/// Why a transport ended.
enum class CloseCause : uint8_t {
  by_peer,    ///< end of file
  error,      ///< read or write failed; the detail says how
  by_broker,  ///< Output::close was carried out
  /// the peer's TLS or WebSocket was not what it should be, or it spoke neither; the detail says
  /// why
  by_protocol,
};

/// One shard's broker: a state machine that turns inputs (bytes, mail, time, closes) into effects
/// (Output) and bytes to write (gather). It does no I/O, reads no clock, starts no thread and is
/// used by one thread. The same object code runs in production, under scripts and in simulations.
///
/// A turn: any number of on_*() calls, then end_turn(), then the caller carries out output() (see
/// there) with gather()/wrote() for each dirty connection, then clears it.
class Broker {
 public:
  explicit Broker(BrokerSetup setup);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// A socket was accepted. The id names it in all further calls, until on_closed() or a move.
  ConnectionId on_open(const OpenInfo& info, Now now);
  /// A connection comes from another shard. The caller has taken adopt.transport and ties it to
  /// the id returned. What is left in adopt.bytes then is still to be given to on_bytes().
  ConnectionId on_adopt(mail::Adopt& adopt, Now now);
  /// A proxy has told whose connection it is: "ADDR:PORT", for logs. Comes before its first bytes.
  /// `pending` as in OpenInfo.
  void on_client_address(ConnectionId id, std::string_view address, bool pending);
  /// The peer has proved this name with its certificate. Comes before its first bytes, if at all.
  void on_peer_name(ConnectionId id, std::string name);
  /// A proxy has said where the client really is. `address` has no port; that of the socket stays.
  void on_peer_address(ConnectionId id, std::string_view address);
  /// Bytes of any size came. Stale ids are ignored. The bytes need not outlive the call. Returns
  /// how many were taken. Less than all: dirty connections should be written before the rest is
  /// given, so that a burst for many subscribers does not pile up in their queues.
  size_t on_bytes(ConnectionId id, Bytes bytes, Now now);
  /// The transport is gone; the id is dead afterwards. `detail` is for the log.
  void on_closed(ConnectionId id, CloseCause cause, std::string_view detail, Now now);
  /// Mail for this shard, except Adopt.
  void on_mail(Mail mail, Now now);
  /// Fires what is due. Call it once a turn.
  void on_time(Now now);
  /// When on_time() has to be called at the latest; nullopt: nothing is planned.
  [[nodiscard]] std::optional<Time> next_deadline() const;
  /// Ends the thinking part of a turn: store batch, credits.
  void end_turn(Now now);

  /// The effects of the turn, to be carried out and cleared by the caller.
  Output& output();

  /// Puts bytes of a dirty connection into `buffer`, which is empty. False: nothing to write.
  bool gather(ConnectionId id, FlushBuffer& buffer, Now now);
  /// The first `count` bytes of `buffer` were written; the rest is kept and comes first next time.
  /// With count < buffer.size() the caller waits until the socket is writable, then gathers again;
  /// otherwise, if this returns true, there is more to gather at once.
  bool wrote(ConnectionId id, FlushBuffer& buffer, size_t count);

  /// This shard's numbers, gauges brought up to date.
  const Stats& stats();
  /// The subscription tree as text (signal USR2), a line each.
  [[nodiscard]] std::string subscription_tree() const;

 private:
  std::unique_ptr<Core> core_;
};

}  // namespace tombo::broker
