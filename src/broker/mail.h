#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/sync/shared_ref.h"
#include "base/time.h"
#include "broker/ids.h"
#include "broker/ports/authenticator.h"
#include "broker/ports/authorizer.h"
#include "broker/ports/store.h"
#include "broker/ports/transport_handle.h"
#include "broker/stats.h"
#include "config/config.h"
#include "mqtt/message.h"

/// Everything shards say to each other and the control thread to shards. Closed: a new kind is a
/// new alternative, and every switch over it fails to compile until it is handled. Small: what is
/// rare and large hangs on a unique_ptr.
namespace tombo::broker::mail {

/// Deliver to the matching sessions of the receiving shard. Takes up credit at the sender until the
/// receiver gives it back. `token`: answer with Settled when safe.
struct Publish {
  SharedRef<const mqtt::Message> message;
  AckToken token;
  ShardId from;
  /// From the keeper of a retained message, to a shard whose interest is newer than the publish.
  bool late = false;
};

/// A shard has made safe what it had to of the publish behind `token`.
struct Settled {
  AckToken token;
  bool matched = false;  ///< did any session there match?
};

/// All that was stored for this decision counts from now on: it may be sent.
struct Decided {
  uint64_t decision = 0;
};

/// `bytes` that `from` had sent here were taken in; it may send as much again.
struct Credit {
  ShardId from;
  uint64_t bytes = 0;
};

/// Set (or with an empty payload clear) a retained message on its topic's home shard. `mask` is the
/// interest mask that the sender routed by: the home forwards to shards that came since.
struct Retain {
  SharedRef<const mqtt::Message> message;
  AckToken token;
  uint64_t mask = 0;
};

/// Starts a replay of retained messages that match `filter`, for a new subscription.
struct ReplayStart {
  SessionRef to;
  uint32_t request = 0;  ///< the asker's number for it, in every page
  std::string filter;
};

/// Asks for the next page, or gives the replay up.
struct ReplayNext {
  ReplayId replay;
  SessionRef to;
  uint32_t request = 0;
  bool stop = false;
};

/// Some retained messages. `more`: ask again with `replay`, else this was the last page.
struct ReplayPage {
  SessionId to;
  ShardId from;
  uint32_t request = 0;
  ReplayId replay;
  bool more = false;
  std::vector<SharedRef<const mqtt::Message>> messages;
};

/// A member's coming, change or going at the home shard of a shared subscription.
struct GroupUpdate {
  enum class Kind : uint8_t { join, leave, online, offline };
  Kind kind{};
  SessionRef member;
  uint32_t request = 0;  ///< join: echoed in GroupJoined; 0: no answer wanted
  uint8_t options = 0;   ///< join: packed subscribe options
  uint32_t subscription_id = 0;
  std::string name;  ///< "GROUP/FILTER" as behind "$share/"
};

/// The join is in force; SUBACK may leave.
struct GroupJoined {
  SessionId member;
  uint32_t request = 0;
};

/// A message for one member of a group. `group_shard` and `name_hash` say where it goes back to if
/// the member leaves without having acknowledged it.
struct GroupDeliver {
  SharedRef<const mqtt::Message> message;
  SessionId member;
  AckToken token;
  uint32_t subscription_id = 0;
  uint8_t options = 0;
  ShardId home;
  GroupId group;
};

/// A member left, these messages were not acknowledged: deliver them to others.
struct GroupReturn {
  GroupId group;
  std::vector<SharedRef<const mqtt::Message>> messages;
};

/// A connection comes home: its transport, its CONNECT packet and what was read behind it.
struct Adopt {
  std::unique_ptr<TransportHandle> transport;
  std::vector<uint8_t> bytes;              ///< CONNECT and all that followed it so far
  std::string address;                     ///< peer, "ADDR:PORT"
  std::string counted_address;             ///< that limits go by; empty: the same
  std::unique_ptr<std::string> peer_name;  ///< by its certificate; null: none
  uint16_t listener = 0;
  bool authenticated = false;
  bool pending = false;  ///< counted as in OpenInfo
};

/// The answer of an Authenticator that took its time.
struct AuthDecided {
  ConnectionId connection;
  AuthDecision decision;
};

/// A connection may go on with what was read behind its CONNECT; a shard sends it to itself.
struct GoOn {
  ConnectionId connection;
};

/// Batch `number` of this shard is safe.
struct Committed {
  uint64_t number = 0;
};

/// A shard sends it to itself: a session has little left in memory of a queue that goes on in the
/// store.
struct ReadQueue {
  SessionId session;
};

/// The store's disk is full, or has room again.
struct DiskFull {
  bool is_full = false;
};

/// Before any client is let in: a session that the store had.
struct RestoreSession {
  RestoredSession session;
};

/// Before any client is let in: a retained message that the store had, for its keeper.
struct RestoreRetained {
  SharedRef<const mqtt::Message> message;
};

/// Every shard has its sessions back: wills and ends that are due may come.
struct RestoreDone {};

/// A message of the broker itself ($SYS, logs to topics): routed as if published, checks left out.
struct Inject {
  SharedRef<const mqtt::Message> message;
};

/// A new configuration is in force.
struct Reconfigure {
  std::shared_ptr<const config::Config> config;
  std::shared_ptr<const Authorizer> authorizer{};  ///< null: everything is allowed
};

/// Two steps of a clean stop: wills first, so that their receivers are still there, then goodbye.
struct Shutdown {
  enum class Step : uint8_t { publish_wills, disconnect };
  Step step{};
};

}  // namespace tombo::broker::mail

namespace tombo::broker {

using Mail =
    std::variant<mail::Publish, mail::Settled, mail::Decided, mail::Credit, mail::Retain,
                 mail::ReplayNext, mail::GroupJoined, mail::GroupDeliver,
                 std::unique_ptr<mail::ReplayStart>, std::unique_ptr<mail::ReplayPage>,
                 std::unique_ptr<mail::GroupUpdate>, std::unique_ptr<mail::GroupReturn>,
                 std::unique_ptr<mail::Adopt>, std::unique_ptr<mail::AuthDecided>, mail::GoOn,
                 mail::Committed, mail::DiskFull, mail::ReadQueue, std::unique_ptr<QueuePage>,
                 std::unique_ptr<mail::RestoreSession>, mail::RestoreRetained, mail::RestoreDone,
                 mail::Inject, mail::Reconfigure, mail::Shutdown>;

}  // namespace tombo::broker
