#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <vector>

#include "base/result.h"

namespace tombo::net {

/// Which address families to listen on.
enum class Family : uint8_t { any, ipv4, ipv6 };

/// Where to listen, as an operator says it.
struct ListenPlace {
  std::string host{};  ///< Address or name; empty: all addresses.
  uint16_t port = 0;
  std::string device{};  ///< Only the addresses of this network device; empty: any.
  Family family = Family::any;
};

/// One address and port to bind.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;

  [[nodiscard]] bool is_ipv6() const { return address.ss_family == AF_INET6; }

  /// The same address and port?
  bool operator==(const Endpoint& other) const;
};

/// The endpoints of `place`, IPv4 first as a rule, never none. Families that the kernel lacks are
/// left out. May ask the name server, so it belongs to start-up.
Result<std::vector<Endpoint>> resolve(const ListenPlace& place);

/// "ADDR:PORT", also for IPv6 (no brackets), as Mosquitto prints a peer. An IPv4 client of a
/// socket for both families is one of IPv4.
std::string to_text(const sockaddr_storage& address);

/// The same of the peer of a connected socket.
std::string peer_text(int descriptor);

}  // namespace tombo::net
