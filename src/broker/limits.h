#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

/// The bounds of a shard that no option sets. docs/OPERATING.md lists them for operators.
namespace tombo::broker {

/// Logins that wait to be looked at because their user has failed too often; more are refused.
inline constexpr size_t kDelayedLoginsMax = 1024;
/// Bytes of messages under way from one shard to another; beyond it their publishers are not read.
inline constexpr uint64_t kCreditMax = uint64_t{8} * 1024 * 1024;
/// Credit is given back in steps of this size, so that it causes no wake-ups of its own.
inline constexpr uint64_t kCreditStep = uint64_t{1024} * 1024;
/// Messages in a page of replayed retained messages, and the queue length below which the next
/// page is asked for.
inline constexpr size_t kReplayPage = 64;
/// Messages of a durable session that wait in memory, and their bytes; what comes behind is in the
/// store alone, and read back in pages when half of them are sent.
inline constexpr size_t kQueueInMemory = 128;
inline constexpr size_t kQueueBytesInMemory = size_t{256} * 1024;
inline constexpr uint32_t kQueuePage = 256;
/// QoS 1 and 2 messages that stand behind QoS 0 at a socket that takes nothing, before they wait
/// apart.
inline constexpr size_t kPendingMax = 1024;
/// Nodes of the retained store looked at in one go by the expiry sweep, and the pause between.
inline constexpr size_t kSweepNodes = 10'000;
inline constexpr Duration kSweepPause = std::chrono::milliseconds(50);
/// Deliveries gathered for one connection before it should be written in the middle of a turn.
inline constexpr size_t kFlushFrom = 256;
/// Bytes of QoS 0 messages that wait for a connection whose socket is full.
inline constexpr uint64_t kBlockedBytesMax = uint64_t{16} * 1024 * 1024;
/// SUBSCRIBE packets with shared filters that wait for other shards; beyond it reading stops.
inline constexpr size_t kSubscribingMax = 16;
/// An incomplete packet that lacks more than this counts as a sign of life with each of its bytes,
/// as in Mosquitto; a shorter one only when it is whole.
inline constexpr size_t kLargeRest = 1000;
/// Replays of one session under way at a time; those of a SUBSCRIBE with more filters take turns.
inline constexpr size_t kReplaysActive = 64;
/// Live messages held back until a replay is done; beyond it they overtake it.
inline constexpr size_t kReplayHeldMax = 1000;
/// Topics remembered while a page of a replay is under way; beyond it the replay starts anew.
inline constexpr size_t kReplaySeenMax = 4096;
/// Bytes of a topic or a cause in the log line of a refusal, and of a reason string.
inline constexpr size_t kRefusalTextMax = 512;
/// QoS 2 packet ids of a v3 client that were not released; v5 has the receive maximum.
inline constexpr size_t kReceivedMax = 65'535;

}  // namespace tombo::broker
