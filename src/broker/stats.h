#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tombo::broker {

/// The limits against abuse whose hits are counted, see config/limits.h.
enum class LimitHit : uint8_t {
  connect_timeout,
  connect_size,
  topic_levels,
  subscriptions,
  user_properties,
  will_size,
  client_rate,
  user_rate,
  pending,
  connection_rate,
  login_failures_of_address,
  login_failures_of_user,
  retained,
};
inline constexpr size_t kLimitHits = 13;

/// Counters and gauges of one shard. Plain numbers: written on the shard only, copied whole when
/// the control thread asks. Sums over shards are the broker's ($SYS, metrics).
struct Stats {
  // Counters: only go up.
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  uint64_t messages_received = 0;  ///< all packets
  uint64_t messages_sent = 0;      ///< all packets
  uint64_t publish_messages_received = 0;
  uint64_t publish_messages_sent = 0;
  uint64_t publish_messages_dropped = 0;
  uint64_t publish_bytes_received = 0;  ///< payload
  uint64_t publish_bytes_sent = 0;      ///< payload
  uint64_t sockets_opened = 0;
  uint64_t connections_accepted = 0;  ///< CONNECTs that were let in
  uint64_t clients_expired = 0;
  uint64_t connects_refused = 0;
  uint64_t publishes_refused = 0;  ///< wills included
  uint64_t subscribes_refused = 0;
  uint64_t deliveries_refused = 0;
  std::array<uint64_t, 16> packets_received{};  ///< by packet type
  std::array<uint64_t, 16> packets_sent{};
  std::array<uint64_t, kLimitHits> limit_hits{};  ///< [LimitHit]: what was refused or slowed

  /// Counts what a limit has refused or slowed.
  void count(LimitHit hit) { ++limit_hits[static_cast<size_t>(hit)]; }

  [[nodiscard]] uint64_t hits(LimitHit hit) const { return limit_hits[static_cast<size_t>(hit)]; }

  // Gauges: what there is now.
  uint64_t sessions = 0;       ///< connected and stored
  uint64_t connected = 0;      ///< sessions with a connection
  uint64_t subscriptions = 0;  ///< shared ones included
  uint64_t shared_subscriptions = 0;
  uint64_t retained_messages = 0;
  uint64_t stored_messages = 0;  ///< deliveries that wait in queues and windows, and retained
  uint64_t stored_bytes = 0;     ///< their bytes
  uint64_t packets_waiting = 0;  ///< deliveries of connected clients not yet written
  uint64_t packet_bytes_waiting = 0;

  /// Adds another shard's numbers.
  void add(const Stats& other);
};

}  // namespace tombo::broker
