#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "config/command_line.h"
#include "config/migration.h"
#include "config/setters.h"
#include "server/clock.h"
#include "server/control.h"
#include "server/daemon.h"
#include "server/log_sink.h"
#include "server/server.h"
#include "server/signals.h"
#include "server/start_check.h"
#include "server/version.h"

namespace tombo::server {
namespace {

/// A line on standard error in the form of the log, while there is none yet.
void say(std::string_view text) {
  fmt::print(stderr, "{}: {}\n", read_clock().wall_s(), text);
}

/// Says why the process ends, and gives its exit status.
int fail(const Error& error) {
  std::string_view rest = error.text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    say(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return error.code;
}

config::Environment read_environment() {
  config::Environment environment;
  if (const char* value = std::getenv("TOMBO_COMPATIBILITY")) environment.compatibility = value;
  if (const char* value = std::getenv("MOSQUITTO_PERSISTENCE_LOCATION")) {
    environment.persistence_location = value;
  }
  return environment;
}

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

/// Runs with a configuration until a signal ends it.
int serve(Origin& origin, config::ParseOutcome outcome) {
  const auto config = std::make_shared<const config::Config>(std::move(outcome.config));
  raise_descriptor_limit();
  Result<void> done = drop_privileges(*config, outcome.notices);
  if (done && origin.command_line.daemon) {
    // Only now there is a terminal where somebody may be asked for passphrases. What is wrong with
    // the files is told later.
    static_cast<void>(make_tls_contexts(*config, origin.passphrases));
    done = go_to_background();
  }
  if (!done) return fail(done.error());
  const Result<PidFile> pid_file = PidFile::write(config->pid_file);
  if (!pid_file) return fail(pid_file.error());

  LogSink log_sink;
  if (const Result<void> opened = log_sink.open(config->log); !opened) return fail(opened.error());
  ThreadLogger log(log_sink, config->log.log_type);
  log_notices(log, outcome.notices);
  log_start(log, origin, *config);

  Result<Setup> setup = load_setup(config, origin.passphrases);
  if (!setup) {
    log_error(log, setup.error());
    return setup.error().code;
  }
  origin.passphrases.stop_asking();
  log_warnings(log, *setup);
  Result<std::unique_ptr<Persistence>> persistence = Persistence::open(*config, log);
  if (!persistence) {
    log_error(log, persistence.error());
    return persistence.error().code;
  }
  Server server(*setup, log_sink, std::move(*persistence));
  // An arena for each shard keeps them apart; more would only keep memory from being used again.
  ::mallopt(M_ARENA_MAX, static_cast<int>(server.shard_count()) + 1);
  server.start();
  if (const Result<void> listening = server.listen(log); !listening) {
    return listening.error().code;
  }
  LOG_TO(log, LogType::info, "mosquitto version {} running", version_text(config->compatibility));
  server.accept();
  Control(origin, *setup, log_sink, log, server).run();
  server.stop();
  LOG_TO(log, LogType::info, "mosquitto version {} terminating",
         version_text(config->compatibility));
  return server.has_failed() ? EXIT_FAILURE : EXIT_SUCCESS;
}

/// Option --test-config: 0 when a start would work, else 3.
int test_config(Origin& origin, config::ParseOutcome outcome) {
  const auto config = std::make_shared<const config::Config>(std::move(outcome.config));
  const Result<void> dropped = drop_privileges(*config, outcome.notices);
  StartCheck check;
  if (dropped) check = check_start(config, origin.passphrases);
  if (!dropped) check.problems.push_back(dropped.error().text);
  for (const config::Notice& notice : outcome.notices) say(notice.text);
  for (const std::string& note : check.notes) say(note);
  for (const std::string& problem : check.problems) say(problem);
  if (!check.problems.empty()) return config::kInvalidConfiguration;
  say(config::kConfigurationIsFine);
  return 0;
}

/// Option --check-migration.
int check_migration(const Origin& origin, config::Files& files) {
  config::Survey survey;
  const Result<config::ParseOutcome> outcome =
      config::load(files, origin.command_line, origin.environment, survey);
  if (!outcome) return fail(outcome.error());
  fmt::print("{}", config::migration_report(*origin.command_line.config_file,
                                            outcome->config.compatibility, survey));
  return survey.is_startable() ? 0 : config::kInvalidConfiguration;
}

int run(std::span<const char* const> arguments) {
  Origin origin;
  origin.environment = read_environment();
  Result<config::CommandLine> line = config::parse_command_line(arguments);
  if (!line) return fail(line.error());
  origin.command_line = std::move(*line);
  const config::Action action = origin.command_line.action;
  if (action == config::Action::show_help) {
    fmt::print("{}", config::help_text(own_version()));
    return config::help_exit_status(origin.command_line, origin.environment);
  }
  if (action == config::Action::show_version) {
    const auto compatibility =
        origin.command_line.compatibility.value_or(config::Compatibility::v2_1);
    fmt::print("mosquitto version {}\n\nmosquitto is an MQTT v5.0/v3.1.1/v3.1 broker.\n",
               version_text(compatibility));
    return 0;
  }
  block_signals();
  config::DiskFiles files;
  if (action == config::Action::check_migration) return check_migration(origin, files);
  Result<config::ParseOutcome> outcome =
      config::load(files, origin.command_line, origin.environment);
  if (!outcome) return fail(outcome.error());
  if (action == config::Action::test_config) return test_config(origin, std::move(*outcome));
  return serve(origin, std::move(*outcome));
}

}  // namespace
}  // namespace tombo::server

int main(int argc, char** argv) {
  const std::span<const char* const> all(argv, static_cast<size_t>(argc));
  return tombo::server::run(all.subspan(all.empty() ? 0 : 1));
}
