#include "migration/known_files.h"

#include <algorithm>
#include <fstream>
#include <string_view>

#include <fmt/core.h>

#include "base/hash.h"
#include "migration/files.h"

namespace tombo::migration {
namespace {

/// In the folder of a store.
constexpr const char* kFile = "MOSQUITTO_DB";
constexpr std::string_view kImported = "imported ";
constexpr std::string_view kExported = "exported ";

}  // namespace

std::string identity_of(Bytes file) {
  return fmt::format("{} {:016x}", file.size(), hash64(as_text(file), 0));
}

const KnownFile* find_known(const std::vector<KnownFile>& known, Bytes file) {
  const std::string identity = identity_of(file);
  const auto found = std::ranges::find(known, identity, &KnownFile::identity);
  return found == known.end() ? nullptr : &*found;
}

std::vector<KnownFile> read_known_files(const std::filesystem::path& folder) {
  std::vector<KnownFile> known;
  std::ifstream file(folder / kFile);
  for (std::string line; std::getline(file, line);) {
    for (const std::string_view word : {kImported, kExported}) {
      if (line.starts_with(word)) known.push_back({word == kImported, line.substr(word.size())});
    }
  }
  return known;
}

Result<void> write_known_files(const std::filesystem::path& folder,
                               const std::vector<KnownFile>& known) {
  Result<NewFile> file = NewFile::make(folder / kFile);
  if (!file) return file.error();
  std::string text;
  for (const KnownFile& each : known) {
    text += fmt::format("{}{}\n", each.imported ? kImported : kExported, each.identity);
  }
  if (Result<void> written = file->write(as_bytes(text)); !written) return written;
  return file->finish();
}

}  // namespace tombo::migration
