#include "config/diff.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/core.h>

#include "config/options.h"

namespace tombo::config {
namespace {

/// What a socket is opened with: a listener for which one of these changes is another listener.
auto identity(const ListenerConfig& listener) {
  // With or without TLS, too: those who are connected must not wake up on the wrong one.
  return std::tuple(listener.port, std::string_view(listener.host),
                    std::string_view(listener.unix_path), std::string_view(listener.bind_interface),
                    listener.socket_domain, listener.protocol, listener.uses_tls());
}

const ListenerConfig* find_same(const std::vector<ListenerConfig>& listeners,
                                const ListenerConfig& wanted) {
  const auto found = std::ranges::find_if(listeners, [&](const ListenerConfig& listener) {
    return identity(listener) == identity(wanted);
  });
  return found == listeners.end() ? nullptr : &*found;
}

std::string name_of(const ListenerConfig& listener) {
  if (listener.host.empty()) return listener.place();
  return fmt::format("{} of {}", listener.place(), listener.host);
}

void compare_global_options(const Config& fresh, Reloaded& result) {
  for (const Option& option : options()) {
    if (option.behaviour.same == nullptr) continue;
    if (option.behaviour.same(result.config, fresh)) continue;
    const bool needs_restart = option.reload == Reload::no;
    result.changes.push_back({Change::Kind::option, std::string(option.name), {}, needs_restart});
    if (!needs_restart) option.behaviour.copy(fresh, result.config);
  }
}

void compare_listener(const ListenerConfig& fresh, ListenerConfig& running, Reloaded& result) {
  for (const Option& option : options()) {
    if (option.behaviour.same_listener == nullptr) continue;
    if (option.behaviour.same_listener(running, fresh)) continue;
    result.changes.push_back(
        {Change::Kind::option, std::string(option.name), name_of(running), false});
  }
  running = fresh;
}

/// `fresh` is what the files say of `running` now; null: nothing.
void update_listener(const ListenerConfig* fresh, ListenerConfig& running, Reloaded& result) {
  if (fresh != nullptr && !running.closed) return compare_listener(*fresh, running, result);
  if (fresh != nullptr) {
    result.changes.push_back({Change::Kind::listener_added, "listener", name_of(*fresh), false});
    running = *fresh;
  } else if (!std::exchange(running.closed, true)) {
    result.changes.push_back({Change::Kind::listener_removed, "listener", name_of(running), false});
  }
}

}  // namespace

std::string Change::text() const {
  switch (kind) {
    case Kind::listener_added:
      if (!needs_restart) return fmt::format("The listener on {} is new.", listener);
      return fmt::format(
          "Warning: The new listener on {} needs a restart: {} have come and gone since the start.",
          listener, kListenersMax);
    case Kind::listener_removed:
      return fmt::format("The listener on {} is closed; its clients stay connected.", listener);
    case Kind::option:
      break;
  }
  if (needs_restart) {
    return fmt::format("Warning: The new value of {} needs a restart.", option);
  }
  if (listener.empty()) return fmt::format("{} has changed.", option);
  return fmt::format("{} of the listener on {} has changed.", option, listener);
}

Reloaded reload(const Config& running, const Config& fresh) {
  Reloaded result{running, {}};
  compare_global_options(fresh, result);
  // It says who may come in without a name, so it must not outlive its listeners.
  result.config.local_only = fresh.local_only;
  for (ListenerConfig& listener : result.config.listeners) {
    update_listener(find_same(fresh.listeners, listener), listener, result);
  }
  for (const ListenerConfig& listener : fresh.listeners) {
    if (find_same(running.listeners, listener) != nullptr) continue;
    const bool fits = result.config.listeners.size() < kListenersMax;
    if (fits) result.config.listeners.push_back(listener);
    result.changes.push_back({Change::Kind::listener_added, "listener", name_of(listener), !fits});
  }
  return result;
}

}  // namespace tombo::config
