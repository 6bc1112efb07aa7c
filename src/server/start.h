#pragma once

#include "config/command_line.h"
#include "server/control.h"

namespace tombo::server {

/// From a configuration to a process that serves, until a signal ends it; gives the exit status.
/// First what root may do (sockets, keys, other secrets, log and pid file), then who the process
/// is, then the background, then threads: each needs the one before, or must not have the one
/// behind. Requires: no other thread runs yet; signals are blocked.
int start(Origin& origin, config::ParseOutcome outcome);

}  // namespace tombo::server
