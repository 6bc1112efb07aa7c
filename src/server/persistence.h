#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "broker/ports/store.h"
#include "config/config.h"
#include "store/durable_store.h"
#include "store/rocks_frame_store.h"

namespace tombo::server {

/// What survives the process: the store, and what it had when it was opened.
/// Home: the control thread.
struct Persistence {
  std::unique_ptr<store::DurableStore> store;
  store::RocksFrameStore* frames = nullptr;  ///< The store's.
  std::vector<broker::RestoredSession> sessions;
  std::vector<SharedRef<const mqtt::Message>> retained;

  /// Opens the store at Config::store_path() and reads it; the first time it is made out of a
  /// mosquitto.db. Null without persistence. Error: one of them cannot be opened, or is damaged;
  /// the broker must not start.
  static Result<std::unique_ptr<Persistence>> open(const config::Config& config, Logger& log);
};

/// May this process use the store? The error says who may not. Fine without persistence.
Result<void> check_store_rights(const config::Config& config);

}  // namespace tombo::server
