#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"

namespace tombo::config {

/// One difference between the running configuration and the files read again.
struct Change {
  enum class Kind : uint8_t { option, listener_added, listener_removed };
  Kind kind = Kind::option;
  std::string option;
  std::string listener;        ///< "port 1883 of 127.0.0.1"; empty for an option of the broker.
  bool needs_restart = false;  ///< The running value stays.

  /// A line for the log, such as "max_qos of the listener on port 1883 has changed."
  [[nodiscard]] std::string text() const;

  bool operator==(const Change&) const = default;
};

struct Reloaded {
  Config config;  ///< To run with from now on.
  std::vector<Change> changes;
};

/// Takes over from `fresh`, the files read again, all that can change while the broker runs.
/// A listener of `running` keeps its index, for connections, sessions and messages name it by that:
/// one that `fresh` has no more becomes `closed` and opens again when it comes back. What makes
/// two listeners the same is all that their sockets and connections begin with: port, address,
/// device, families, protocol, TLS or not.  Bound: kListenersMax, later ones need a restart.
Reloaded reload(const Config& running, const Config& fresh);

}  // namespace tombo::config
