#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "migration/database.h"
#include "migration/export.h"
#include "migration/import.h"
#include "migration/summary.h"

/// What is done with the folder of a store as a whole. Errors name the file or folder.
namespace tombo::migration {

struct Imported {
  Summary summary;
  std::vector<std::string> warnings;  ///< What was passed over, a line each.
};

/// Makes a store out of the mosquitto.db at `file`, which stays as it is. The store is there when
/// all is in it and on the disk, or not at all. Error: also when there is a store already.
Result<Imported> import_file(const std::string& file, const std::string& store,
                             const ReadOptions& options, const ListenerOfPort& listener_of);

/// Writes a mosquitto.db at `file`, in place of one that is there, out of the store in the folder
/// `from`, which may be in use. `store` is told of it: `from` itself, or what `from` is a copy of.
/// The file that `store` was imported from is kept with ".before-tombo" behind its name.
Result<Summary> export_file(const std::string& from, const std::string& store,
                            const std::string& file, const ExportOptions& options);

/// The same file into memory, as it would be now.
Result<Summary> export_folder(const std::string& store, const ExportOptions& options,
                              std::vector<uint8_t>& out);

/// Has somebody else written `file` since `store` was imported from it or exported to it? Not when
/// one of the two is not there, or the file is empty.
Result<bool> is_written_by_another(const std::string& file, const std::string& store);

/// A new store at `to` with all that is in the one at `from`, which may be in use.
Result<Summary> copy_folder(const std::string& from, const std::string& to);

/// Reads all of a store, which may be in use. Error: what is damaged.
Result<Summary> verify_folder(const std::string& store);

}  // namespace tombo::migration
