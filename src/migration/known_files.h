#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace tombo::migration {

/// A mosquitto.db that a store is in step with: it was imported from it or exported to it. Kept in
/// the folder of the store, to see when somebody else has written the file since.
struct KnownFile {
  bool imported = false;
  std::string identity;  ///< its size and XXH3-64

  bool operator==(const KnownFile&) const = default;
};

std::string identity_of(Bytes file);

/// The one that `file` is; null: none of them.
const KnownFile* find_known(const std::vector<KnownFile>& known, Bytes file);

/// Of the store in `folder`. None: nothing is known.
std::vector<KnownFile> read_known_files(const std::filesystem::path& folder);

Result<void> write_known_files(const std::filesystem::path& folder,
                               const std::vector<KnownFile>& known);

}  // namespace tombo::migration
