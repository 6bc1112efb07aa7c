#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <unordered_map>

#include "migration/database.h"

namespace tombo::migration {

/// A QoS 2 message that was taken from its publisher, but not given to anybody yet.
struct Incoming {
  size_t message = 0;
  std::string_view publisher;
};

/// Puts them into the queues of sessions that subscribe to them, and in place of retained ones.
/// Of a shared group the first member in the file gets it.
void deliver_incoming(std::span<const Incoming> incoming, Database& database,
                      std::unordered_map<std::string_view, size_t>& retained);

}  // namespace tombo::migration
