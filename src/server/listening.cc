#include "server/listening.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <unistd.h>
#include <utility>

#include "net/listener.h"
#include "server/listen_place.h"

namespace tombo::server {
namespace {

constexpr uint16_t kPrivilegedPorts = 1024;

constexpr const char* kLocalOnlyLines[] = {
    "Starting in local only mode. Connections will only be possible from clients running on "
    "this machine.",
    "Create a configuration file which defines a listener to allow remote access.",
    "For more details see https://mosquitto.org/documentation/authentication-methods/"};

void log_failure(const config::ListenerConfig& listener, const Error& error, Logger& log) {
  if (listener.port < kPrivilegedPorts && ::geteuid() != 0) {
    log.log(LogType::error,
            "If you are trying to bind to a privileged port (<1024), try using setcap and do "
            "not start the broker as root:");
    log.log(LogType::error, "    sudo setcap 'CAP_NET_BIND_SERVICE=+ep' /usr/sbin/mosquitto");
  }
  LOG_TO(log, LogType::error, "Error: {}", error.text);
}

}  // namespace

Result<Listening::Change> Listening::plan(const config::Config& config, Logger& log) {
  if (config.local_only && open_.empty()) {
    for (const char* line : kLocalOnlyLines) log.log(LogType::warning, line);
  }
  Change change;
  const Result<void> opened = open_all(config, change, log);
  if (open_.empty()) tell_unused(change, log);
  if (!opened) return opened.error();
  return change;
}

Result<void> Listening::open_all(const config::Config& config, Change& change, Logger& log) {
  bool any_open = false;
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    if (config.listeners[i].closed) continue;
    const auto index = static_cast<uint16_t>(i);
    const Result<void> opened = is_open(index) ? Result<void>() : open(config, index, change, log);
    if (!opened && !config.local_only) return opened.error();
    any_open = any_open || opened;
  }
  if (!any_open) return Error{"Error: No listener could be opened."};
  return {};
}

/// A service manager whose sockets nobody wants has another idea of the listeners than the
/// configuration: likely the reason why one cannot be opened.
void Listening::tell_unused(const Change& change, Logger& log) const {
  const std::vector<std::string> texts = passed_.texts();
  for (size_t i = 0; i < texts.size(); ++i) {
    if (std::ranges::find(change.opened, i, &OpenAddress::passed) != change.opened.end()) continue;
    LOG_TO(log, LogType::warning,
           "Warning: The socket {} of the service manager is not used, no listener of the "
           "configuration has this address and port or path.",
           texts[i]);
  }
}

Result<void> Listening::use_passed(const config::Config& config, const PassedSockets::Found& found,
                                   OpenAddress address, Change& change, Logger& log) {
  const std::string place = config.listeners[address.listener].place();
  for (const OpenAddress& open : open_) {
    if (open.passed != found.index) continue;
    if (!config.listeners[open.listener].closed) {
      LOG_TO(log, LogType::error, "Error: {} of the service manager is another listener's, not {}.",
             found.text, place);
      return Error{"Error: Address already in use"};
    }
    const bool moved =
        std::ranges::find(change.moved, open.number, &Change::Move::address) != change.moved.end();
    if (!moved) change.moved.push_back({open.number, address.listener});
    return {};
  }
  for (const OpenAddress& opened : change.opened) {
    // One socket for both families.
    if (opened.passed == found.index && opened.listener == address.listener) return {};
  }
  LOG_TO(log, LogType::info, "Using socket {} of the service manager for {}.", found.text, place);
  Result<std::vector<net::Socket>> copies = passed_.copies(found.index, shards_);
  if (!copies) {
    LOG_TO(log, LogType::error, "Error: {}", copies.error().text);
    return copies.error();
  }
  address.number = next_number_++;
  address.port = net::port_of(copies->front());
  address.sockets = std::move(*copies);
  address.passed = found.index;
  change.opened.push_back(std::move(address));
  return {};
}

Result<void> Listening::open(const config::Config& config, uint16_t index, Change& change,
                             Logger& log) {
  if (!config.listeners[index].unix_path.empty()) return open_path(config, index, change, log);
  const auto endpoints = net::resolve(place_of(config.listeners[index]));
  if (!endpoints) {
    LOG_TO(log, LogType::error, "Error creating listener: {}.", endpoints.error().text);
    return endpoints.error();
  }
  for (const net::Endpoint& endpoint : *endpoints) {
    Result<void> opened = open_at(config, index, endpoint, change, log);
    if (!opened) return opened;
  }
  return {};
}

Result<void> Listening::open_path(const config::Config& config, uint16_t index, Change& change,
                                  Logger& log) {
  const std::string& path = config.listeners[index].unix_path;
  for (const OpenAddress& address : open_) {
    const config::ListenerConfig& before = config.listeners[address.listener];
    if (!before.closed || before.unix_path != path) continue;
    change.moved.push_back({address.number, index});
    return {};
  }
  if (const auto found = passed_.find(path)) {
    return use_passed(config, *found, {.listener = index}, change, log);
  }
  LOG_TO(log, LogType::info, "Opening unix listen socket on path {}.", path);
  Result<net::UnixListening> listening = net::listen_at_path(path, owner_);
  if (!listening) {
    LOG_TO(log, LogType::error, "Error binding unix socket: {}", listening.error().text);
    return listening.error();
  }
  OpenAddress& opened = change.opened.emplace_back();
  opened.number = next_number_++;
  opened.listener = index;
  opened.sockets.push_back(std::move(listening->socket));
  opened.file = std::move(listening->file);
  return {};
}

Result<void> Listening::open_at(const config::Config& config, uint16_t index,
                                const net::Endpoint& endpoint, Change& change, Logger& log) {
  const config::ListenerConfig& listener = config.listeners[index];
  bool port_is_ours = false;
  for (const OpenAddress& address : open_) {
    if (!config.listeners[address.listener].closed) continue;
    if (address.endpoint == endpoint) {
      change.moved.push_back({address.number, index});
      return {};
    }
    port_is_ours = port_is_ours || config.listeners[address.listener].port == listener.port;
  }
  if (const auto found = passed_.find(endpoint)) {
    return use_passed(config, *found, {.listener = index, .endpoint = endpoint}, change, log);
  }
  const bool websockets = listener.protocol == config::ListenerProtocol::websockets;
  LOG_TO(log, LogType::info, "Opening {} listen socket on port {}.",
         websockets           ? "websockets"
         : endpoint.is_ipv6() ? "ipv6"
                              : "ipv4",
         listener.port);
  Result<std::vector<net::Socket>> sockets = net::listen_at(endpoint, shards_);
  if (!sockets) {
    log_failure(listener, sockets.error(), log);
    if (port_is_ours) {
      LOG_TO(log, LogType::error,
             "A listener that the configuration no longer has holds port {}. Reload once without "
             "the new one to close it, then again with the new one.",
             listener.port);
    }
    return sockets.error();
  }
  const uint16_t port = net::port_of(sockets->front());
  change.opened.push_back({next_number_++, index, endpoint, port, std::move(*sockets), {}, {}});
  return {};
}

bool Listening::is_open(uint16_t listener) const {
  return std::ranges::any_of(
      open_, [&](const OpenAddress& address) { return address.listener == listener; });
}

void Listening::commit(const config::Config& config, Change change) {
  for (OpenAddress& address : open_) {
    for (const Change::Move& move : change.moved) {
      if (move.address == address.number) address.listener = move.listener;
    }
  }
  std::erase_if(
      open_, [&](const OpenAddress& address) { return config.listeners[address.listener].closed; });
  std::ranges::move(change.opened, std::back_inserter(open_));
}

std::vector<uint16_t> Listening::ports() const {
  std::vector<uint16_t> ports;
  for (const OpenAddress& address : open_) ports.push_back(address.port);
  return ports;
}

}  // namespace tombo::server
