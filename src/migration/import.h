#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "migration/database.h"
#include "migration/summary.h"

namespace tombo::store {
class FrameStore;
}

namespace tombo::migration {

/// Numbers of listeners in the store, by the ports that a mosquitto.db names them with. 0 for a
/// port that no listener has.
using ListenerOfPort = std::function<uint16_t(uint16_t port)>;

/// Puts all that `database` has into an empty store. Packet ids of what was sent stay as they are.
/// Error: as of FrameStore::commit(); the store is of no use then.
Result<Summary> import_database(const Database& database, const ListenerOfPort& listener_of,
                                store::FrameStore& store);

}  // namespace tombo::migration
