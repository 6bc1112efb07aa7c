#include "server/abuse_guard.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cmath>
#include <string>

#include "base/hash.h"

namespace tombo::server {
namespace {

constexpr double kMinute = 60;
constexpr Duration kQuiet = std::chrono::seconds(60);
/// Bytes of an IPv6 address that name a network; who has one has all of its addresses.
constexpr size_t kNetworkBytes = 8;
/// Failures over the limit that still make the delay longer: 1, 2, 4 and 8 s.
constexpr double kStepsMax = 4;

constexpr double per_second(uint32_t per_minute) {
  return per_minute / kMinute;
}

/// How many failures there is room for beyond one more; negative: not for one.
double room(LeakyBucket& failures, uint32_t per_minute, Time now) {
  constexpr double kRounding = 1e-6;
  return per_minute - 1 - failures.level(per_second(per_minute), now) + kRounding;
}

}  // namespace

/// The hash of the address without its port, or of its network.
uint64_t AbuseGuard::key_of(std::string_view peer) const {
  const std::string_view host = peer.substr(0, peer.rfind(':'));
  const std::string text(host);
  std::array<char, sizeof(in6_addr)> bytes{};
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return hash64(host, seed_);
  in6_addr address{};
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&address));
  if (IN6_IS_ADDR_V4MAPPED(&address)) return hash64({bytes.data(), bytes.size()}, seed_);
  return hash64({bytes.data(), kNetworkBytes}, seed_);
}

uint64_t AbuseGuard::user_key(std::string_view user_name) const {
  return hash64(user_name, ~seed_);
}

AbuseGuard::Verdict AbuseGuard::judge(Address& address, const config::Limits& limits, Time now) {
  const uint32_t failures = limits.max_login_failures_per_address;
  if (failures != 0 && room(address.failures, failures, now) < 0) return Verdict::banned;
  const uint32_t pending = limits.max_pending_connections_per_address;
  if (pending != 0 && address.pending >= pending) return Verdict::pending_of_address;
  const uint32_t rate = limits.max_connection_rate_per_address;
  if (rate != 0 && !address.connections.try_add(1, per_second(rate), rate, now)) {
    return Verdict::connection_rate;
  }
  return Verdict::welcome;
}

AbuseGuard::Answer AbuseGuard::open(std::string_view peer, const config::Limits& limits, Time now) {
  const bool counts_pending = limits.any_pending();
  if (!counts_pending && limits.max_connection_rate_per_address == 0 &&
      limits.max_login_failures_per_address == 0) {
    return {};
  }
  const int64_t pending_max = limits.max_pending_connections;
  const bool full =
      counts_pending && !pending_.enter_below(pending_max == 0 ? INT64_MAX : pending_max);
  const Answer answer = addresses_.visit(key_of(peer), now, [&](Address& address) {
    const Verdict verdict = full ? Verdict::pending : judge(address, limits, now);
    if (verdict == Verdict::welcome) {
      if (counts_pending) ++address.pending;
      return Answer{};
    }
    const bool say = now >= address.quiet_until;
    if (say) address.quiet_until = now + kQuiet;
    return Answer{verdict, say};
  });
  if (counts_pending && !full && answer.verdict != Verdict::welcome) pending_.leave();
  return answer;
}

void AbuseGuard::leave_pending(std::string_view peer, Time now) {
  pending_.leave();
  addresses_.visit(key_of(peer), now, [](Address& address) {
    // It may have been forgotten meanwhile.
    if (address.pending != 0) --address.pending;
    return 0;
  });
}

broker::Admission::LoginPace AbuseGuard::login_pace(std::string_view peer,
                                                    std::string_view user_name,
                                                    const config::Limits& limits, Time now) {
  broker::Admission::LoginPace pace;
  if (const uint32_t most = limits.max_login_failures_per_address; most != 0) {
    pace.banned = addresses_.visit(
        key_of(peer), now, [&](Address& address) { return room(address.failures, most, now) < 0; });
  }
  if (const uint32_t most = limits.max_login_failures_per_user; most != 0 && !user_name.empty()) {
    const double over = -users_.visit(user_key(user_name), now,
                                      [&](User& user) { return room(user.failures, most, now); });
    if (over > 0) {
      const double seconds = std::exp2(std::ceil(over) - 1);
      pace.delay = std::min(kDelayMax, Duration(static_cast<int64_t>(seconds * 1000)));
    }
  }
  return pace;
}

void AbuseGuard::login_failed(std::string_view peer, std::string_view user_name,
                              const config::Limits& limits, Time now) {
  if (const uint32_t most = limits.max_login_failures_per_address; most != 0) {
    addresses_.visit(key_of(peer), now, [&](Address& address) {
      return address.failures.try_add(1, per_second(most), most + 1.0, now);
    });
  }
  if (const uint32_t most = limits.max_login_failures_per_user; most != 0 && !user_name.empty()) {
    users_.visit(user_key(user_name), now, [&](User& user) {
      return user.failures.try_add(1, per_second(most), most + kStepsMax, now);
    });
  }
}

broker::Admission::Retained AbuseGuard::add_retained(uint64_t origin,
                                                     broker::Admission::Retained change, Time now) {
  return clients_.visit(mix64(origin ^ seed_), now, [&change](Client& client) {
    broker::Admission::Retained& sum = client.retained;
    // What was retained before the option was set may go after it.
    sum.messages = std::max<int64_t>(0, sum.messages + change.messages);
    sum.bytes = std::max<int64_t>(0, sum.bytes + change.bytes);
    return sum;
  });
}

Duration AbuseGuard::charge_user(std::string_view user_name, size_t bytes,
                                 const config::Limits& limits, Time now) {
  return users_.visit(user_key(user_name), now, [&](User& user) {
    Duration wait{0};
    if (const uint32_t rate = limits.max_message_rate_per_user; rate != 0) {
      wait = user.messages.add(1, rate, now);
    }
    if (const uint32_t rate = limits.max_byte_rate_per_user; rate != 0) {
      wait = std::max(wait, user.bytes.add(static_cast<double>(bytes), rate, now));
    }
    return wait;
  });
}

}  // namespace tombo::server
