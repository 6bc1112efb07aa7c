#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "broker/ports/store.h"
#include "config/config.h"
#include "store/durable_store.h"

namespace tombo::server {

/// What survives the process: the store, and what it had when it was opened.
/// Home: the control thread.
struct Persistence {
  std::unique_ptr<store::DurableStore> store;
  std::vector<broker::RestoredSession> sessions;
  std::vector<SharedRef<const mqtt::Message>> retained;

  /// Opens the store at Config::store_path() and reads it. Null without persistence. Error: it
  /// cannot be opened, or is damaged; the broker must not start.
  static Result<std::unique_ptr<Persistence>> open(const config::Config& config, Logger& log);
};

/// May this process use the store? The error says who may not. Fine without persistence.
Result<void> check_store_rights(const config::Config& config);

}  // namespace tombo::server
