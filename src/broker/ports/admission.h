#pragma once

#include <cstddef>
#include <string_view>

#include "base/time.h"
#include "broker/ids.h"
#include "config/limits.h"

namespace tombo::broker {

/// Broker-wide counts that no shard can know alone: global_max_connections, global_max_clients, and
/// what the limits against abuse count of addresses and users.
/// Implemented by the server for all shards; without one there is no limit.
class Admission {
 public:
  virtual ~Admission() = default;
  /// Takes a place; false when all are taken. Given back with the matching leave_*().
  virtual bool enter_connection() = 0;
  virtual void leave_connection() = 0;
  virtual bool enter_session() = 0;
  virtual void leave_session() = 0;

  /// A connection that was counted as pending (OpenInfo::pending) has logged in or ended.
  virtual void leave_pending(std::string_view /*address*/, Time /*now*/) {}

  /// What failed logins mean for the next one.
  struct LoginPace {
    bool banned = false;  ///< not looked at: its address has failed too often
    Duration delay{0};    ///< looked at after this: its user has failed too often
  };

  /// Asked before a login is looked at. `address` is "ADDR:PORT".
  virtual LoginPace login_pace(std::string_view /*address*/, std::string_view /*user_name*/,
                               const config::Limits& /*limits*/, Time /*now*/) {
    return {};
  }

  virtual void login_failed(std::string_view /*address*/, std::string_view /*user_name*/,
                            const config::Limits& /*limits*/, Time /*now*/) {}

  /// Retained messages and their bytes.
  struct Retained {
    int64_t messages = 0;
    int64_t bytes = 0;
  };

  /// What this shard keeps now.
  virtual void set_retained(ShardId /*shard*/, Retained /*here*/) {}

  /// What all shards but this one keep.
  virtual Retained retained_elsewhere(ShardId /*shard*/) { return {}; }

  /// Adds to what the client with this hash (Message::origin()) has retained on all shards, and
  /// returns the sum.
  virtual Retained add_retained_of_client(uint64_t /*origin*/, Retained change, Time /*now*/) {
    return change;
  }

  /// Counts a packet against the rates of its user. Returns how long its sender should not be read.
  virtual Duration charge_user(std::string_view /*user_name*/, size_t /*bytes*/,
                               const config::Limits& /*limits*/, Time /*now*/) {
    return Duration(0);
  }
};

}  // namespace tombo::broker
