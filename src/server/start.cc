#include "server/start.h"

#include <cstdlib>
#include <fcntl.h>
#include <malloc.h>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/config_files.h"
#include "server/daemon.h"
#include "server/early_words.h"
#include "server/listening.h"
#include "server/log_sink.h"
#include "server/passed_sockets.h"
#include "server/persistence.h"
#include "server/privileges.h"
#include "server/server.h"
#include "server/setup.h"
#include "server/version.h"
#include "server/written_file.h"

namespace tombo::server {
namespace {

void log_start(Logger& log, const Origin& origin, const config::Config& config) {
  LOG_TO(log, LogType::info, "mosquitto version {} starting", version_text(config.compatibility));
  if (origin.command_line.config_file) {
    LOG_TO(log, LogType::info, "Config loaded from {}.", *origin.command_line.config_file);
  } else {
    log.log(LogType::info, "Using default config.");
  }
  if (config.is_v2_0()) return;
  for (const char* line :
       {"Bridge support NOT available.", "Persistence support available.", "TLS support available.",
        "TLS-PSK support available.", "Websockets support available."}) {
    log.log(LogType::info, line);
  }
}

/// What the broker serves with.
struct Opened {
  Setup setup;
  Listening listening;
  Listening::Change sockets;
};

/// What is wrong is in the log then.
Result<Opened> open_all(const std::shared_ptr<const config::Config>& config,
                        const std::optional<RunAs>& user, Passphrases& passphrases, Logger& log) {
  // Made for the user: a reload opens it again.
  if (!config->tls_keylog.empty())
    open_to_write(user, config->tls_keylog, O_WRONLY | O_APPEND, 0600);
  Result<Setup> setup = load_setup(config, passphrases);
  if (!setup) {
    log_error(log, setup.error());
    return setup.error();
  }
  log_warnings(log, *setup);
  std::vector<config::Notice> notices;
  Listening listening(Server::shards_for(*config),
                      PassedSockets::take(PassedSockets::read_environment(), notices));
  log_notices(log, notices);
  if (user) listening.give_files_to(net::FileOwner{user->uid, user->gid});
  Result<Listening::Change> sockets = listening.plan(*config, log);
  if (!sockets) return sockets.error();
  listening.give_files_to({});
  return Opened{std::move(*setup), std::move(listening), std::move(*sockets)};
}

/// Becomes `user` for good.
Result<void> give_up_privileges(const std::optional<RunAs>& user, const Origin& origin,
                                const config::Config& config, Logger& log) {
  if (user) {
    if (Result<void> done = become(*user); !done) return done;
  }
  forbid_new_privileges();
  std::vector<std::string> unreadable = unreadable_files(config);
  if (const auto line = unreadable_config(origin.command_line.config_file)) {
    unreadable.push_back(*line);
  }
  for (const std::string& line : unreadable) {
    LOG_TO(log, LogType::warning, "Warning: {}, so the configuration cannot be reloaded.", line);
  }
  return {};
}

/// Serves until a signal ends it.
int serve(const Origin& origin, Opened opened, LogSink& log_sink, ThreadLogger& log) {
  const config::Config& config = *opened.setup.config;
  Result<std::unique_ptr<Persistence>> persistence = Persistence::open(config, log);
  if (!persistence) {
    log_error(log, persistence.error());
    return persistence.error().code;
  }
  Server server(opened.setup, log_sink, std::move(*persistence));
  // An arena for each shard keeps them apart; more would only keep memory from being used again.
  ::mallopt(M_ARENA_MAX, static_cast<int>(server.shard_count()) + 1);
  server.start();
  server.listen(std::move(opened.listening), std::move(opened.sockets));
  const std::string version = version_text(config.compatibility);
  LOG_TO(log, LogType::info, "mosquitto version {} running", version);
  Control control(origin, opened.setup, log_sink, log, server);
  control.begin();
  server.accept();
  control.run();
  server.stop();
  LOG_TO(log, LogType::info, "mosquitto version {} terminating", version);
  return server.has_failed() ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace

int start(Origin& origin, config::ParseOutcome outcome) {
  const auto config = std::make_shared<const config::Config>(std::move(outcome.config));
  raise_descriptor_limit();
  const UserEnvironment environment = read_user_environment();
  const Result<std::optional<RunAs>> user = find_run_as(*config, environment, outcome.notices);
  if (!user) return fail(user.error());
  if (const auto done = apply_umask(*config, environment); !done) return fail(done.error());

  EarlyLines early(config->log.log_type);
  Result<Opened> opened = open_all(config, *user, origin.passphrases, early);
  origin.passphrases.stop_asking();
  Result<net::Socket> log_file = LogSink::open_file(config->log, *user);
  if (!log_file) return fail(log_file.error());
  Result<PidFile> pid_file = opened ? PidFile::open(config->pid_file, *user) : PidFile();
  if (!pid_file) return fail(pid_file.error());
  Result<void> done = give_up_privileges(*user, origin, *config, early);
  // An error is for those who wait in the foreground.
  if (done && opened && origin.command_line.daemon) done = go_to_background();
  if (done) done = pid_file->write();
  if (!done) return fail(done.error());

  LogSink log_sink;
  log_sink.open(config->log, std::move(*log_file));
  ThreadLogger log(log_sink, config->log.log_type);
  log_notices(log, outcome.notices);
  log_start(log, origin, *config);
  log_notices(log, early.lines());
  if (!opened) return opened.error().code;
  return serve(origin, std::move(*opened), log_sink, log);
}

}  // namespace tombo::server
