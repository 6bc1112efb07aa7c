#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/leaky_bucket.h"
#include "base/sync/keyed_table.h"
#include "base/sync/places.h"
#include "base/time.h"
#include "broker/ports/admission.h"
#include "config/limits.h"

namespace tombo::server {

/// What the limits against abuse know of addresses and users, for all shards.
/// Bounds: kAddresses, kUsers and kClients (with retained messages) are remembered, 4 MiB each when
/// full; with more than that at work in a minute those that were seen first are forgotten. An
/// address is an IPv4 address or the first 64 bits of an IPv6 address; which share a place depends
/// on a secret seed. Limits are arguments: they may change at any time, and what is off costs
/// nothing here.
class AbuseGuard {
 public:
  static constexpr size_t kAddresses = 65'536;
  static constexpr size_t kUsers = 65'536;
  static constexpr size_t kClients = 65'536;
  /// Longest delay of a login of a user whose logins have failed.
  static constexpr Duration kDelayMax{8000};
  /// What an address or user has done is forgotten by then, by the rules of all limits.
  static constexpr Duration kMemory = std::chrono::seconds(90);

  explicit AbuseGuard(uint64_t seed) : seed_(seed) {}

  enum class Verdict : uint8_t { welcome, pending, pending_of_address, connection_rate, banned };

  struct Answer {
    Verdict verdict = Verdict::welcome;
    bool say = false;  ///< the first refusal of this address in a minute
  };

  /// A connection has come from `peer`, "ADDR:PORT". When it is welcome and Limits::any_pending(),
  /// leave_pending() must follow.
  Answer open(std::string_view peer, const config::Limits& limits, Time now);
  void leave_pending(std::string_view peer, Time now);

  broker::Admission::LoginPace login_pace(std::string_view peer, std::string_view user_name,
                                          const config::Limits& limits, Time now);
  void login_failed(std::string_view peer, std::string_view user_name, const config::Limits& limits,
                    Time now);

  /// Adds to what a client has retained, and returns the sum.
  broker::Admission::Retained add_retained(uint64_t origin, broker::Admission::Retained change,
                                           Time now);

  Duration charge_user(std::string_view user_name, size_t bytes, const config::Limits& limits,
                       Time now);

 private:
  struct Address {
    LeakyBucket connections;
    LeakyBucket failures;
    uint32_t pending = 0;
    Time quiet_until{};  // Nothing more about it in the log until then.

    /// What leaks away is gone after a minute; a second more for the grid of rounding.
    [[nodiscard]] bool idle(Time now) const {
      return pending == 0 && now >= quiet_until && connections.untouched_for(kMemory, now) &&
             failures.untouched_for(kMemory, now);
    }
  };

  struct Client {
    broker::Admission::Retained retained;

    [[nodiscard]] bool idle(Time /*now*/) const { return retained.messages == 0; }
  };

  struct User {
    LeakyBucket messages;
    LeakyBucket bytes;
    LeakyBucket failures;

    [[nodiscard]] bool idle(Time now) const {
      return messages.untouched_for(kMemory, now) && bytes.untouched_for(kMemory, now) &&
             failures.untouched_for(kMemory, now);
    }
  };

  [[nodiscard]] uint64_t key_of(std::string_view peer) const;
  [[nodiscard]] uint64_t user_key(std::string_view user_name) const;
  static Verdict judge(Address& address, const config::Limits& limits, Time now);

  uint64_t seed_;
  Places pending_;
  KeyedTable<Address> addresses_{kAddresses};
  KeyedTable<User> users_{kUsers};
  KeyedTable<Client> clients_{kClients};
};

}  // namespace tombo::server
