#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/sync/places.h"
#include "base/sync/shard_sums.h"
#include "broker/ports/admission.h"
#include "config/config.h"
#include "server/abuse_guard.h"

namespace tombo::server {

/// Counts what no shard can know alone: connections and sessions of the broker
/// (global_max_connections, global_max_clients), sockets of each listener (max_connections), and
/// what addresses and users do (abuse_guard.h).
/// Shared by all threads; outlives the shards.
class Admission final : public broker::Admission {
 public:
  /// `seed`: secret, for the hashes of addresses and users.
  explicit Admission(const config::Config& config, uint64_t seed = 0);

  /// Takes over the limits of a configuration.
  void set_limits(const config::Config& config);

  bool enter_connection() override { return connections_.enter(); }

  void leave_connection() override { connections_.leave(); }

  bool enter_session() override { return sessions_.enter(); }

  void leave_session() override { sessions_.leave(); }

  /// Connections that have not logged in, of max_pending_connections, and what is known of
  /// addresses and users.
  AbuseGuard& guard() { return guard_; }

  void leave_pending(std::string_view address, Time now) override {
    guard_.leave_pending(address, now);
  }

  LoginPace login_pace(std::string_view address, std::string_view user_name,
                       const config::Limits& limits, Time now) override {
    return guard_.login_pace(address, user_name, limits, now);
  }

  void login_failed(std::string_view address, std::string_view user_name,
                    const config::Limits& limits, Time now) override {
    guard_.login_failed(address, user_name, limits, now);
  }

  void set_retained(broker::ShardId shard, Retained here) override {
    retained_.set(shard.value(), {here.messages, here.bytes});
  }

  Retained retained_elsewhere(broker::ShardId shard) override {
    const ShardSums::Pair sum = retained_.sum_without(shard.value());
    return {sum.first, sum.second};
  }

  Retained add_retained_of_client(uint64_t origin, Retained change, Time now) override {
    return guard_.add_retained(origin, change, now);
  }

  Duration charge_user(std::string_view user_name, size_t bytes, const config::Limits& limits,
                       Time now) override {
    return guard_.charge_user(user_name, bytes, limits, now);
  }

  /// The places at the listener with this index in Config::listeners.
  Places& listener(size_t index);

 private:
  Places connections_;
  Places sessions_;
  std::unique_ptr<Places[]> listeners_;  // kListenersMax: shards use it while listeners come.
  AbuseGuard guard_;
  ShardSums retained_;
};

}  // namespace tombo::server
