#include "config/command_line.h"

#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "config/files_in_memory.h"
#include "fuzz/input.h"

/// The command line, and what comes of it with a configuration file and the environment.
/// Input: TOMBO_COMPATIBILITY, the file /c, then the arguments, each ended by a line feed; the
/// file's lines by a semicolon.
namespace tombo::fuzz {
namespace {

using config::Action;
using config::CommandLine;
using config::Config;

void check_line(const CommandLine& line) {
  CHECK(line.ports.size() <= config::kCommandLinePortsMax);
  for (const uint16_t port : line.ports) CHECK(port != 0);
  CHECK(!line.threads || *line.threads <= config::kThreadsMax);
  CHECK(line.action != Action::test_config || line.config_file);
}

/// What the command line says holds, whatever the file says.
void check_loaded(const CommandLine& line, const Config& config) {
  CHECK(!config.listeners.empty());
  CHECK(!line.threads || config.threads == *line.threads);
  CHECK(!line.compatibility || config.compatibility == *line.compatibility);
  if (line.quiet) {
    CHECK(config.log.log_type == 0 && config.log.log_dest_file.empty());
  } else if (line.verbose) {
    CHECK(config.log.log_type == config::kLogAll);
  }
  if (!line.config_file) {
    CHECK(config.local_only);
    CHECK(config.listeners.size() == 2 * std::max<size_t>(line.ports.size(), 1));
  }
}

void run(Input input) {
  config::Environment environment;
  environment.compatibility = input.text_until('\n');
  std::string file(input.text_until('\n'));
  std::ranges::replace(file, ';', '\n');
  std::vector<std::string> words;
  while (!input.empty()) words.emplace_back(input.text_until('\n'));
  std::vector<const char*> arguments;
  arguments.reserve(words.size());
  for (const std::string& word : words) arguments.push_back(word.c_str());

  const Result<CommandLine> line = config::parse_command_line(arguments);
  if (!line) {
    CHECK(!line.error().text.empty() && line.error().code != 0);
    return;
  }
  check_line(*line);
  const int status = config::help_exit_status(*line, environment);
  CHECK(status == 0 || status == 3);
  config::FilesInMemory files(std::map<std::string, std::string>{{"/c", file}});
  const Result<config::ParseOutcome> outcome = config::load(files, *line, environment);
  if (!outcome) {
    CHECK(!outcome.error().text.empty() && outcome.error().code != 0);
    return;
  }
  check_loaded(*line, outcome->config);
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}
