#include "tools/store_commands.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

#include <fmt/core.h>

#include "migration/store_folder.h"
#include "tools/wall_clock.h"

namespace tombo::tools {
namespace {

using migration::Summary;

int fail(const Error& error) {
  fmt::print(stderr, "Error: {}\n", error.text);
  return 1;
}

int tell(const Result<Summary>& done, std::string_view what) {
  if (!done) return fail(done.error());
  fmt::print("{}{}.\n", what, done->text());
  return 0;
}

int verify(std::span<char* const> arguments) {
  return tell(migration::verify_folder(arguments[0]), "The store is whole: ");
}

int copy(std::span<char* const> arguments) {
  return tell(migration::copy_folder(arguments[0], arguments[1]), "Copied ");
}

int import(std::span<char* const> arguments) {
  const auto listener_of = [](uint16_t /*port*/) { return uint16_t{0}; };
  const Result<migration::Imported> done =
      migration::import_file(arguments[0], arguments[1], {.now_ms = wall_clock_ms()}, listener_of);
  if (!done) return fail(done.error());
  for (const std::string& warning : done->warnings) {
    fmt::print(stderr, "Warning: {}: {}.\n", arguments[0], warning);
  }
  return tell(done->summary, "Imported ");
}

int export_to_file(std::span<char* const> arguments) {
  migration::ExportOptions options;
  options.now_ms = wall_clock_ms();
  return tell(migration::export_file(arguments[0], arguments[0], arguments[1], options),
              "Exported ");
}

constexpr std::array<StoreCommand, 5> kCommands{{
    {"verify", "STORE", 1, "reads all of a store and says what is damaged", &verify},
    {"backup", "STORE NEW", 2, "copies a store, which may be in use, into a new folder", &copy},
    {"restore", "BACKUP STORE", 2, "makes a store out of a backup; there must be none yet", &copy},
    {"import", "FILE STORE", 2, "makes a store out of a mosquitto.db; there must be none yet",
     &import},
    {"export", "STORE FILE", 2, "writes a mosquitto.db with what is in a store", &export_to_file},
}};

}  // namespace

std::span<const StoreCommand> store_commands() {
  return kCommands;
}

}  // namespace tombo::tools
