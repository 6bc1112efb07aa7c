#pragma once

#include <atomic>
#include <memory>

#include "base/log.h"
#include "base/result.h"
#include "base/sync/thread.h"
#include "config/config.h"
#include "server/log_sink.h"
#include "store/rocks_frame_store.h"

namespace tombo::server {

/// At the start with persistence: makes the store out of a mosquitto.db, if there is one and no
/// store yet, and logs what was taken. Error: the file is damaged, or another broker has written it
/// since there is a store; nothing has changed then.
Result<void> take_over_database(const config::Config& config, Logger& log);

/// What take_over_database() would say, without doing it.
Result<void> check_database(const config::Config& config);

/// Writes a mosquitto.db from which Mosquitto goes on, and logs how it went.
/// Home: the control thread.
class DatabaseExport {
 public:
  /// Both outlive it.
  DatabaseExport(store::RocksFrameStore& frames, LogSink& log) : frames_(frames), log_(log) {}

  DatabaseExport(const DatabaseExport&) = delete;
  DatabaseExport& operator=(const DatabaseExport&) = delete;
  /// Waits for one that is under way.
  ~DatabaseExport() = default;

  /// While the store is in use, on a thread of its own and from a copy (which shares the files).
  void begin(const std::shared_ptr<const config::Config>& config);

  /// At the end. Requires: nobody writes to the store.
  void finish(const config::Config& config);

 private:
  void run(const config::Config& config);

  store::RocksFrameStore& frames_;
  LogSink& log_;
  std::atomic_flag busy_;
  Thread thread_;
};

}  // namespace tombo::server
