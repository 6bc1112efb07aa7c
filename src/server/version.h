#pragma once

#include <string>

#include "config/config.h"

namespace tombo::server {

/// What log lines, $SYS and --version name: the Mosquitto that this broker behaves as, then itself.
/// "2.1.2 (tombo 0.1.0)"; scripts that look for "mosquitto version 2." find it.
std::string version_text(config::Compatibility compatibility);

/// tombo's own version, "0.1.0".
std::string own_version();

}  // namespace tombo::server
