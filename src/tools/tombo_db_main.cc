#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "migration/files.h"
#include "migration/store_folder.h"
#include "mosquitto_db/dump.h"
#include "tools/store_commands.h"
#include "tools/wall_clock.h"

// tombo_db looks into the files in which sessions and messages are kept. As mosquitto_db_dump it
// is what Mosquitto calls so.
namespace tombo::tools {
namespace {

using mosquitto_db::DumpForm;
using mosquitto_db::DumpOptions;

/// `--json` and its like; false: something else.
bool read_form(std::string_view argument, DumpForm& form) {
  if (argument == "--json") {
    form = DumpForm::json;
  } else if (argument == "--stats") {
    form = DumpForm::statistics;
  } else if (argument == "--client-stats") {
    form = DumpForm::client_statistics;
  } else {
    return false;
  }
  return true;
}

void print(std::string_view text) {
  if (!text.empty()) std::fwrite(text.data(), 1, text.size(), stdout);
}

Result<std::vector<std::string>> dump_file(const std::string& path, const DumpOptions& options,
                                           bool as_mosquitto) {
  const Result<migration::MappedFile> file = migration::MappedFile::open(path);
  if (!file) return Error{"Unable to open " + path, as_mosquitto ? 0 : 1};
  Result<std::vector<std::string>> warnings = mosquitto_db::dump(file->bytes(), options, print);
  if (!warnings) return Error{path + ": " + warnings.error().text};
  return warnings;
}

/// Shows the file that an export would make of it.
Result<std::vector<std::string>> dump_store(const std::string& path, const DumpOptions& options) {
  std::vector<uint8_t> file;
  const Result<migration::Summary> done =
      migration::export_folder(path, {.now_ms = wall_clock_ms()}, file);
  if (!done) return done.error();
  return mosquitto_db::dump(file, options, print);
}

/// Requires: arguments behind `dump`.
int dump(std::span<char* const> arguments, bool as_mosquitto) {
  DumpOptions options;
  const char* wanted = std::getenv("TOMBO_COMPATIBILITY");
  options.as_v2_0 = wanted != nullptr && std::string_view(wanted) == "2.0";
  if (arguments.size() == 2 && read_form(arguments[0], options.form)) {
    arguments = arguments.subspan(1);
  }
  if (arguments.size() != 1 || arguments[0][0] == '-') {
    fmt::print(stderr, "Usage: {} [--stats | --client-stats | --json] <mosquitto db filename>\n",
               as_mosquitto ? "db_dump" : "tombo_db dump");
    return 1;
  }
  const std::string path = arguments[0];
  std::error_code ignored;
  const bool is_store = !as_mosquitto && std::filesystem::is_directory(path, ignored);
  const Result<std::vector<std::string>> warnings =
      is_store ? dump_store(path, options) : dump_file(path, options, as_mosquitto);
  if (std::fflush(stdout) != 0) {
    std::perror("Error: Unable to write the output");
    return 1;
  }
  if (!warnings) {
    fmt::print(stderr, "Error: {}\n", warnings.error().text);
    return warnings.error().code;
  }
  for (const std::string& warning : *warnings) {
    fmt::print(stderr, "Warning: {}: {}\n", path, warning);
  }
  return 0;
}

int print_usage() {
  fmt::print(stderr,
             "tombo_db works on what brokers keep of sessions and messages.\n\n"
             "Usage: tombo_db dump [--stats | --client-stats | --json] FILE|STORE\n");
  for (const StoreCommand& command : store_commands()) {
    fmt::print(stderr, "       tombo_db {} {}\n", command.name, command.arguments);
  }
  fmt::print(stderr,
             "\nFILE is a mosquitto.db of Mosquitto 0.13 to 2.1 (formats 2 to 6), STORE the folder "
             "of tombo\n(mosquitto.tombo).\n\n"
             "  dump            shows all that is in it\n"
             "  --stats         how many chunks of each kind there are\n"
             "  --client-stats  subscriptions (SC, SS bytes) and messages (MC, MS bytes) of each "
             "client\n"
             "  --json          everything as JSON\n");
  for (const StoreCommand& command : store_commands()) {
    fmt::print(stderr, "  {:<14}  {}\n", command.name, command.help);
  }
  return 1;
}

int run(std::span<char* const> arguments) {
  const std::string_view path = arguments.empty() ? "" : arguments[0];
  if (path.substr(path.rfind('/') + 1) == "mosquitto_db_dump")
    return dump(arguments.subspan(1), true);
  if (arguments.size() < 2) return print_usage();
  const std::string_view name = arguments[1];
  arguments = arguments.subspan(2);
  if (name == "dump") return dump(arguments, false);
  for (const StoreCommand& command : store_commands()) {
    if (name != command.name) continue;
    return arguments.size() == command.argument_count ? command.run(arguments) : print_usage();
  }
  return print_usage();
}

}  // namespace
}  // namespace tombo::tools

int main(int argc, char** argv) {
  return tombo::tools::run({argv, static_cast<size_t>(argc)});
}
