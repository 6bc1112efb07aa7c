#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace tombo::server {

/// What an operator says to the running process.
enum class Signal : uint8_t {
  none,        ///< The time is over.
  stop,        ///< SIGINT, SIGTERM
  reload,      ///< SIGHUP
  save,        ///< SIGUSR1
  print_tree,  ///< SIGUSR2
  reopen_log,  ///< SIGRTMIN
};

/// Makes signals wait for wait_signal(), on this thread and those it starts later; SIGPIPE is
/// ignored. Requires: no other thread runs yet.
void block_signals();

/// The same as SIGTERM, from any thread.
void ask_to_stop();

/// Waits for a signal; nullopt: without a time-out.
Signal wait_signal(std::optional<Duration> timeout);

}  // namespace tombo::server
