#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "config/command_line.h"
#include "config/migration.h"
#include "config/setters.h"
#include "server/control.h"
#include "server/early_words.h"
#include "server/privileges.h"
#include "server/signals.h"
#include "server/start.h"
#include "server/start_check.h"
#include "server/version.h"

namespace tombo::server {
namespace {

config::Environment read_environment() {
  config::Environment environment;
  if (const char* value = std::getenv("TOMBO_COMPATIBILITY")) environment.compatibility = value;
  if (const char* value = std::getenv("MOSQUITTO_PERSISTENCE_LOCATION")) {
    environment.persistence_location = value;
  }
  return environment;
}

/// Option --test-config: 0 when a start would work, else 3.
int test_config(Origin& origin, config::ParseOutcome outcome) {
  const auto config = std::make_shared<const config::Config>(std::move(outcome.config));
  StartCheck check;
  const auto user = find_run_as(*config, read_user_environment(), outcome.notices);
  if (user) check = check_start(config, origin.passphrases);
  Result<void> becomes = user ? Result<void>() : user.error();
  if (user && *user) becomes = become(**user);
  if (becomes) {
    check_rights(*config, origin.command_line.config_file, check);
  } else {
    check.problems.push_back(becomes.error().text);
  }
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
  return start(origin, std::move(*outcome));
}

}  // namespace
}  // namespace tombo::server

int main(int argc, char** argv) {
  const std::span<const char* const> all(argv, static_cast<size_t>(argc));
  return tombo::server::run(all.subspan(all.empty() ? 0 : 1));
}
