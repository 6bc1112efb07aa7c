#include "server/version.h"

#include <fmt/core.h>

namespace tombo::server {

std::string own_version() {
  return TOMBO_VERSION;
}

std::string version_text(config::Compatibility compatibility) {
  const char* mosquitto = compatibility == config::Compatibility::v2_0 ? "2.0.22" : "2.1.2";
  // One word, as scripts that cut the line by blanks expect; a "+" suffix ranks as the same
  // version.
  return fmt::format("{}+tombo.{}", mosquitto, own_version());
}

}  // namespace tombo::server
