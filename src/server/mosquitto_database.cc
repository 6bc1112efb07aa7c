#include "server/mosquitto_database.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include "migration/files.h"
#include "migration/store_folder.h"
#include "server/clock.h"

namespace tombo::server {
namespace {

/// The port of a listener and its number.
uint16_t listener_of(const config::Config& config, uint16_t port) {
  const auto found = std::ranges::find(config.listeners, port, &config::ListenerConfig::port);
  if (port == 0 || found == config.listeners.end()) return 0;
  return static_cast<uint16_t>(found - config.listeners.begin());
}

migration::ReadOptions read_options(const config::Config& config) {
  return {.now_ms = read_clock().wall_ms,
          .client_expiration_s = config.persistent_client_expiration};
}

migration::ExportOptions export_options(const config::Config& config) {
  migration::ExportOptions options;
  options.now_ms = read_clock().wall_ms;
  options.max_inflight_messages = config.receive_maximum();
  options.client_expiration_s = config.persistent_client_expiration;
  options.port_of = [&config](uint16_t listener) {
    return listener < config.listeners.size() ? config.listeners[listener].port : uint16_t{0};
  };
  return options;
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// Error: both are there, and the file is newer than the store knows.
Result<void> check_ownership(const config::Config& config) {
  const std::string file = config.database_path();
  const std::string store = config.store_path();
  const Result<bool> foreign = migration::is_written_by_another(file, store);
  if (!foreign) return Error{"Error: " + foreign.error().text};
  if (!*foreign) return {};
  return Error{fmt::format(
      "Error: Another broker has written {} since {} was made, and only one of the two can be "
      "right.\nError: To go on with the file, move the folder away; to go on with the folder, move "
      "the file away.",
      file, store)};
}

Error cannot_take_over(const Error& error, const std::string& file) {
  return Error{fmt::format(
      "Error: Couldn't open database.\nError: {}. Nothing was taken over, and the file is as it "
      "was. To start without it, move {} away.",
      error.text, file)};
}

}  // namespace

Result<void> take_over_database(const config::Config& config, Logger& log) {
  const std::string file = config.database_path();
  const std::string store = config.store_path();
  if (exists(store)) return check_ownership(config);
  std::error_code failed;
  if (!exists(file)) return {};
  if (std::filesystem::is_regular_file(file) && std::filesystem::file_size(file, failed) == 0) {
    LOG_TO(log, LogType::warning, "Warning: Persistence file is empty: {}.", file);
    return {};
  }
  LOG_TO(log, LogType::info, "Taking over {}.", file);
  const Result<migration::Imported> done =
      migration::import_file(file, store, read_options(config),
                             [&config](uint16_t port) { return listener_of(config, port); });
  if (!done) return cannot_take_over(done.error(), file);
  for (const std::string& warning : done->warnings) {
    LOG_TO(log, LogType::warning, "Warning: {}: {}.", file, warning);
  }
  LOG_TO(log, LogType::info, "Took over {} from {}, which is as it was.", done->summary.text(),
         file);
  return {};
}

Result<void> check_database(const config::Config& config) {
  if (!config.persistence) return {};
  const std::string file = config.database_path();
  if (exists(config.store_path())) return check_ownership(config);
  if (!exists(file)) return {};
  const Result<migration::MappedFile> mapped = migration::MappedFile::open(file);
  if (!mapped) return cannot_take_over(mapped.error(), file);
  if (mapped->bytes().empty()) return {};
  const auto database = migration::read_database(mapped->bytes(), read_options(config));
  if (!database) return cannot_take_over(Error{file + ": " + database.error().text}, file);
  return {};
}

void DatabaseExport::begin(const std::shared_ptr<const config::Config>& config) {
  if (busy_.test_and_set()) {
    log_.write(LogType::info, "The database is being saved already.");
    return;
  }
  log_.write(LogType::info,
             fmt::format("Saving in-memory database to {}.", config->database_path()));
  thread_ = Thread("export", [this, config] {
    run(*config);
    busy_.clear();
  });
}

void DatabaseExport::run(const config::Config& config) {
  const std::string copy = config.store_path() + ".export";
  std::error_code ignored;
  std::filesystem::remove_all(copy, ignored);  // Of a process that was killed meanwhile.
  const Result<void> copied = frames_.checkpoint(copy);
  const Result<migration::Summary> done =
      copied ? migration::export_file(copy, config.store_path(), config.database_path(),
                                      export_options(config))
             : copied.error();
  std::filesystem::remove_all(copy, ignored);
  if (done) {
    log_.write(LogType::info, fmt::format("Saved {}.", done->text()));
  } else {
    log_.write(LogType::error,
               fmt::format("Error saving in-memory database: {}.", done.error().text));
  }
}

void DatabaseExport::finish(const config::Config& config) {
  thread_.join();
  if (!config.mosquitto_export) return;
  log_.write(LogType::info,
             fmt::format("Saving in-memory database to {}.", config.database_path()));
  const Result<void> written = frames_.catch_up();
  const Result<migration::Summary> done =
      written ? migration::export_file(config.store_path(), config.store_path(),
                                       config.database_path(), export_options(config))
              : written.error();
  if (!done) {
    log_.write(LogType::error,
               fmt::format("Error saving in-memory database: {}. Nothing is lost, it is in {}.",
                           done.error().text, config.store_path()));
  }
}

}  // namespace tombo::server
