#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "migration/summary.h"

namespace tombo::store {
class FrameStore;
}

namespace tombo::migration {

struct ExportOptions {
  int64_t now_ms = 0;  ///< wall clock
  /// Of a queue whose session was connected, so many messages may have been sent.
  uint16_t max_inflight_messages = 20;
  /// Option persistent_client_expiration.
  std::optional<int64_t> client_expiration_s{};
  /// The port of a listener by its number in the store; 0: unknown.
  std::function<uint16_t(uint16_t listener)> port_of = [](uint16_t /*listener*/) {
    return uint16_t{0};
  };
};

/// Takes the file piece by piece.
using FileSink = std::function<Result<void>(Bytes)>;

/// Writes all that `store` has as a mosquitto.db of the newest format, which Mosquitto 1.6.11 and
/// later read. What such a file cannot hold is left out: wills, QoS 2 ids that wait for PUBREL, and
/// of several subscription identifiers of one message all but the first.
/// Memory: sessions, and 32 bytes for each queued message. Error: the store is damaged, or
/// `sink`'s.
Result<Summary> export_database(store::FrameStore& store, const ExportOptions& options,
                                const FileSink& sink);

}  // namespace tombo::migration
