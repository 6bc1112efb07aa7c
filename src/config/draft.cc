#include "config/draft.h"

#include <tuple>

#include <fmt/core.h>

#include "base/check.h"
#include "config/tls_setters.h"

namespace tombo::config {
namespace {

bool same_place(const ListenerConfig& a, const ListenerConfig& b) {
  return std::tie(a.port, a.host, a.unix_path, a.bind_interface) ==
             std::tie(b.port, b.host, b.unix_path, b.bind_interface) &&
         (a.socket_domain == b.socket_domain || a.socket_domain == SocketDomain::any ||
          b.socket_domain == SocketDomain::any);
}

}  // namespace

Draft::Draft(Compatibility generation)
    : config(default_config(generation)),
      default_listener(config::default_listener(generation, kDefaultPort)) {
  default_listener.is_default = true;
  config.listeners.clear();
  config.local_only = false;
}

void Draft::begin_listener(ListenerConfig listener) {
  config.listeners.push_back(std::move(listener));
  places_.push_back(place_);
  current_ = config.listeners.size() - 1;
}

std::optional<std::size_t> Draft::swap_current(std::optional<std::size_t> current) {
  return std::exchange(current_, current);
}

ListenerConfig& Draft::listener() {
  return current_ ? config.listeners[*current_] : default_listener;
}

void Draft::open_default_listener() {
  if (!default_place_) default_place_ = place_;
}

void Draft::open_default_listener_for(std::string_view option) {
  if (default_place_) return;
  open_default_listener();
  note(LogType::info, fmt::format("Creating default listener due to '{}' option.", option));
  if (config.is_v2_0()) return;
  note(LogType::info,
       fmt::format("It is best practice to define a 'listener' first. Using the '{}' option "
                   "without a listener will be disabled in the future.",
                   option));
}

bool Draft::first_time(std::string_view option) {
  return given_.emplace(option).second;
}

bool Draft::first_time_in_listener(std::string_view option) {
  return given_in_listener_.emplace(std::string(option), current_).second;
}

std::optional<Draft::Fault> Draft::finish(const std::vector<uint16_t>& ports) {
  if (default_place_) {
    config.listeners.push_back(default_listener);
    places_.push_back(*default_place_);
  }
  if (config.listeners.empty()) add_local_listeners(ports);
  if (config.listeners.size() > kListenersMax) {
    return Fault{fmt::format("Error: More than {} listeners.", kListenersMax),
                 places_[kListenersMax]};
  }
  std::optional<Fault> duplicate = find_duplicate();
  return duplicate ? duplicate : find_fault();
}

void Draft::add_local_listeners(const std::vector<uint16_t>& ports) {
  config.local_only = true;
  const std::vector<uint16_t> wanted = ports.empty() ? std::vector<uint16_t>{kDefaultPort} : ports;
  for (const uint16_t port : wanted) {
    for (const char* host : {"127.0.0.1", "::1"}) {
      ListenerConfig local = default_listener;
      local.is_default = false;
      local.port = port;
      local.host = host;
      config.listeners.push_back(std::move(local));
      places_.emplace_back();
    }
  }
}

// SO_REUSEPORT would open the same listener twice without an error.
std::optional<Draft::Fault> Draft::find_duplicate() const {
  DCHECK(places_.size() == config.listeners.size());
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (!same_place(config.listeners[i], config.listeners[k])) continue;
      return Fault{fmt::format("Error: Duplicate listener on {}.", config.listeners[i].place()),
                   places_[i]};
    }
  }
  return std::nullopt;
}

std::optional<Draft::Fault> Draft::find_fault() const {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    if (const auto fault = find_tls_fault(config, config.listeners[i]))
      return Fault{*fault, places_[i]};
  }
  return std::nullopt;
}

}  // namespace tombo::config
