#include "migration/summary.h"

#include <fmt/core.h>

namespace tombo::migration {

std::string Summary::text() const {
  return fmt::format(
      "{} sessions, {} subscriptions, {} queued and {} in-flight messages, {} retained messages",
      sessions, subscriptions, queued, in_flight, retained);
}

}  // namespace tombo::migration
