#include "server/persistence.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "broker/limits.h"
#include "server/clock.h"
#include "server/mosquitto_database.h"
#include "server/privileges.h"

namespace tombo::server {
namespace {

store::Durability durability_of(const config::Config& config) {
  switch (config.durability) {
    case config::Durability::fsync:
      return store::Durability::fsync;
    case config::Durability::os:
      return store::Durability::os;
    case config::Durability::none:
      return store::Durability::none;
  }
  return store::Durability::fsync;
}

/// Tells from time to time how far reading has come: millions of messages take a while.
class Progress {
 public:
  explicit Progress(Logger& log) : log_(log), next_(read_stopwatch() + kEvery) {}

  void retained() {
    ++retained_;
    tell();
  }

  void session(size_t messages) {
    ++sessions_;
    messages_ += messages;
    tell();
  }

  [[nodiscard]] size_t messages() const { return messages_; }

 private:
  static constexpr std::chrono::seconds kEvery{2};
  /// Between looks at the clock.
  static constexpr size_t kStep = 1024;

  void tell() {
    if ((retained_ + sessions_) % kStep != 0 || read_stopwatch() < next_) return;
    next_ = read_stopwatch() + kEvery;
    LOG_TO(log_, LogType::info,
           "Restoring: {} retained messages, {} sessions with {} messages so far.", retained_,
           sessions_, messages_);
  }

  Logger& log_;
  std::chrono::nanoseconds next_;
  size_t retained_ = 0;
  size_t sessions_ = 0;
  size_t messages_ = 0;
};

}  // namespace

Result<void> check_store_rights(const config::Config& config) {
  if (!config.persistence) return {};
  std::string folder = config.store_path();
  std::error_code ignored;
  if (!std::filesystem::exists(folder, ignored)) {
    folder = std::filesystem::path(folder).parent_path().string();
  }
  if (::faccessat(AT_FDCWD, folder.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) == 0) return {};
  return Error{fmt::format(
      "Error: Unable to use {} for persistence as user {}: {}. It has to be a folder of that user.",
      folder, own_user_name(), std::strerror(errno))};
}

Result<std::unique_ptr<Persistence>> Persistence::open(const config::Config& config, Logger& log) {
  if (!config.persistence) return std::unique_ptr<Persistence>();
  if (const Result<void> fine = check_store_rights(config); !fine) return fine.error();
  if (const Result<void> taken = take_over_database(config, log); !taken) return taken.error();
  Result<std::unique_ptr<store::RocksFrameStore>> frames =
      store::RocksFrameStore::open({.path = config.store_path(),
                                    .durability = durability_of(config),
                                    .reserve = config.disk_reserve});
  if (!frames) return Error{"Error: " + frames.error().text};
  auto opened = std::make_unique<Persistence>();
  opened->frames = frames->get();
  opened->store = std::make_unique<store::DurableStore>(
      std::move(*frames), store::DurableStore::Options{.durability = durability_of(config),
                                                       .queue_in_memory = config.receive_maximum() +
                                                                          broker::kQueueInMemory});
  Progress progress(log);
  const Result<void> loaded = opened->store->load(
      [&](broker::RestoredSession session) {
        progress.session(session.queue.size() + session.rest.count);
        opened->sessions.push_back(std::move(session));
      },
      [&](SharedRef<const mqtt::Message> message) {
        progress.retained();
        opened->retained.push_back(std::move(message));
      });
  if (!loaded) {
    return Error{"Error: " + loaded.error().with("store", config.store_path()).text};
  }
  LOG_TO(log, LogType::info, "Restored {} sessions with {} messages, {} retained messages from {}.",
         opened->sessions.size(), progress.messages(), opened->retained.size(),
         config.store_path());
  return opened;
}

}  // namespace tombo::server
