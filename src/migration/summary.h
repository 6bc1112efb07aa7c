#pragma once

#include <cstddef>
#include <string>

namespace tombo::migration {

/// How much was taken from one place to another.
struct Summary {
  size_t sessions = 0;
  size_t subscriptions = 0;
  size_t queued = 0;     ///< messages that wait in a queue
  size_t in_flight = 0;  ///< those that were sent and not acknowledged
  size_t retained = 0;

  /// "8 sessions, 15 subscriptions, 40 queued and 3 in-flight messages, 7 retained messages".
  [[nodiscard]] std::string text() const;
};

}  // namespace tombo::migration
