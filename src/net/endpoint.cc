#include "net/endpoint.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <ifaddrs.h>
#include <memory>
#include <net/if.h>
#include <netdb.h>

#include <fmt/core.h>

#include "net/socket.h"

namespace tombo::net {
namespace {

int family_number(Family family) {
  switch (family) {
    case Family::any:
      return AF_UNSPEC;
    case Family::ipv4:
      return AF_INET;
    case Family::ipv6:
      return AF_INET6;
  }
  return AF_UNSPEC;
}

bool kernel_has(int family) {
  return static_cast<bool>(Socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)));
}

/// Puts the address of the device in place of "all addresses". False: it has none of this family,
/// or the endpoint names another address.
bool bind_to_device(Endpoint& endpoint, const ifaddrs* devices, const ListenPlace& place) {
  for (const ifaddrs* device = devices; device != nullptr; device = device->ifa_next) {
    if (device->ifa_addr == nullptr || place.device != device->ifa_name) continue;
    if (device->ifa_addr->sa_family != endpoint.address.ss_family) continue;
    Endpoint own = endpoint;
    std::memcpy(&own.address, device->ifa_addr, endpoint.size);
    if (endpoint.is_ipv6()) {
      auto* address = reinterpret_cast<sockaddr_in6*>(&own.address);
      address->sin6_port = htons(place.port);
      address->sin6_flowinfo = 0;
    } else {
      reinterpret_cast<sockaddr_in*>(&own.address)->sin_port = htons(place.port);
    }
    if (!place.host.empty() && std::memcmp(&own.address, &endpoint.address, endpoint.size) != 0) {
      continue;
    }
    endpoint = own;
    return true;
  }
  return false;
}

Result<std::vector<Endpoint>> keep_device(std::vector<Endpoint> endpoints,
                                          const ListenPlace& place) {
  ifaddrs* devices = nullptr;
  if (::getifaddrs(&devices) != 0) return Error{std::strerror(errno)};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(devices, &::freeifaddrs);
  std::erase_if(endpoints,
                [&](Endpoint& endpoint) { return !bind_to_device(endpoint, devices, place); });
  if (!endpoints.empty()) return endpoints;
  if (::if_nametoindex(place.device.c_str()) == 0) {
    return Error{fmt::format("Interface {} does not exist.", place.device)};
  }
  if (place.host.empty()) {
    return Error{fmt::format("Interface {} has no address to listen at.", place.device)};
  }
  return Error{
      fmt::format("Interface address for {} does not match specified listener address ({}).",
                  place.device, place.host)};
}

}  // namespace

bool Endpoint::operator==(const Endpoint& other) const {
  if (address.ss_family != other.address.ss_family) return false;
  if (is_ipv6()) {
    const auto& mine = reinterpret_cast<const sockaddr_in6&>(address);
    const auto& others = reinterpret_cast<const sockaddr_in6&>(other.address);
    return mine.sin6_port == others.sin6_port && mine.sin6_scope_id == others.sin6_scope_id &&
           std::memcmp(&mine.sin6_addr, &others.sin6_addr, sizeof mine.sin6_addr) == 0;
  }
  if (address.ss_family == AF_INET) {
    const auto& mine = reinterpret_cast<const sockaddr_in&>(address);
    const auto& others = reinterpret_cast<const sockaddr_in&>(other.address);
    return mine.sin_port == others.sin_port && mine.sin_addr.s_addr == others.sin_addr.s_addr;
  }
  return size == other.size && std::memcmp(&address, &other.address, size) == 0;
}

Result<std::vector<Endpoint>> resolve(const ListenPlace& place) {
  addrinfo hints{};
  hints.ai_family = family_number(place.family);
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(place.port);
  const char* host = place.host.empty() ? nullptr : place.host.c_str();
  const int status = ::getaddrinfo(host, service.c_str(), &hints, &found);
  if (status != 0) return Error{::gai_strerror(status)};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);

  std::vector<Endpoint> endpoints;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
    if (!kernel_has(each->ai_family)) continue;
    Endpoint& endpoint = endpoints.emplace_back();
    std::memcpy(&endpoint.address, each->ai_addr, each->ai_addrlen);
    endpoint.size = each->ai_addrlen;
  }
  if (endpoints.empty()) return Error{std::strerror(EAFNOSUPPORT)};
  if (place.device.empty()) return endpoints;
  return keep_device(std::move(endpoints), place);
}

std::string to_text(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
    ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(v4->sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) != 0) {
      ::inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text.data(), text.size());
      return fmt::format("{}:{}", text.data(), ntohs(v6->sin6_port));
    }
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(v6->sin6_port));
  }
  return "unknown";
}

std::string peer_text(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  // Without an address it stays one of no family.
  ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  return to_text(address);
}

}  // namespace tombo::net
