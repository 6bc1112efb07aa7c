#include "migration/store_folder.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "migration/copy.h"
#include "migration/files.h"
#include "migration/known_files.h"
#include "store/rocks_frame_store.h"

namespace tombo::migration {
namespace {

using store::RocksFrameStore;

constexpr const char* kKept = ".before-tombo";

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// "a/mosquitto.db" for the store "a/mosquitto.tombo".
std::filesystem::path file_beside(const std::filesystem::path& store) {
  return std::filesystem::path(store).replace_extension(".db");
}

/// A store in a folder that nobody knows yet: what is in it need not be on the disk before all is.
Result<std::unique_ptr<RocksFrameStore>> make_store(const NewFolder& folder) {
  return RocksFrameStore::open(
      {.path = folder.temporary().string(), .durability = store::Durability::os});
}

/// Closes the store and lets it appear.
Result<void> finish(std::unique_ptr<RocksFrameStore> store, NewFolder& folder) {
  if (Result<void> synced = store->catch_up(); !synced) return synced;
  store.reset();
  return folder.finish();
}

/// The files that a copy of `from` at `to` is in step with. Whoever puts a store beside a file of
/// Mosquitto wants the store.
std::vector<KnownFile> known_for_copy(const std::string& from, const std::string& to) {
  std::vector<KnownFile> known = read_known_files(from);
  const Result<MappedFile> beside = MappedFile::open(file_beside(to));
  if (beside && find_known(known, beside->bytes()) == nullptr) {
    known.push_back({.imported = false, .identity = identity_of(beside->bytes())});
  }
  return known;
}

/// Gives what `f` makes of a store that may be in use; again, when it failed because a file that it
/// read was done with and deleted.
template <class F>
Result<Summary> read_store(const std::string& path, bool whole_log, F&& f) {
  constexpr int kTries = 5;
  for (int tries = 1;; ++tries) {
    const Result<std::unique_ptr<RocksFrameStore>> frames =
        RocksFrameStore::open_to_read(path, whole_log);
    if (!frames) return frames.error();
    Result<Summary> done = f(**frames);
    if (done || tries == kTries || !(*frames)->has_changed()) return done;
  }
}

/// Before an export takes the place of `file`: the store knows both, and what it came from is kept.
Result<void> note_export(const NewFile& fresh, const std::string& file, const std::string& store) {
  std::vector<KnownFile> known;
  if (const Result<MappedFile> before = MappedFile::open(file); before) {
    const std::vector<KnownFile> all = read_known_files(store);
    const KnownFile* is = find_known(all, before->bytes());
    // A cut now leaves this one in its place.
    if (is != nullptr) known.push_back(*is);
    const std::string kept = file + kKept;
    if (is != nullptr && is->imported && ::link(file.c_str(), kept.c_str()) != 0 &&
        errno != EEXIST) {
      return Error{fmt::format("{}: {}", kept, std::strerror(errno))};
    }
  }
  const Result<MappedFile> written = MappedFile::open(fresh.temporary());
  if (!written) return written.error();
  known.push_back({.imported = false, .identity = identity_of(written->bytes())});
  return write_known_files(store, known);
}

}  // namespace

Result<Imported> import_file(const std::string& file, const std::string& store,
                             const ReadOptions& options, const ListenerOfPort& listener_of) {
  const Result<MappedFile> mapped = MappedFile::open(file);
  if (!mapped) return mapped.error();
  Result<Database> database = read_database(mapped->bytes(), options);
  if (!database) return Error{file + ": " + database.error().text};
  Result<NewFolder> folder = NewFolder::make(store);
  if (!folder) return folder.error();
  Result<std::unique_ptr<RocksFrameStore>> made = make_store(*folder);
  if (!made) return made.error();
  Result<Summary> summary = import_database(*database, listener_of, **made);
  if (!summary) return summary.error().with("store", store);
  const Result<void> noted = write_known_files(
      folder->temporary(), {{.imported = true, .identity = identity_of(mapped->bytes())}});
  if (!noted) return noted.error();
  if (const Result<void> done = finish(std::move(*made), *folder); !done) return done.error();
  return Imported{*summary, std::move(database->warnings)};
}

Result<Summary> export_file(const std::string& from, const std::string& store,
                            const std::string& file, const ExportOptions& options) {
  return read_store(from, false, [&](RocksFrameStore& frames) -> Result<Summary> {
    Result<NewFile> fresh = NewFile::make(file);
    if (!fresh) return fresh.error();
    Result<Summary> summary =
        export_database(frames, options, [&fresh](Bytes piece) { return fresh->write(piece); });
    if (!summary) return summary;
    if (const Result<void> synced = fresh->sync(); !synced) return synced.error();
    if (const Result<void> noted = note_export(*fresh, file, store); !noted) return noted.error();
    if (const Result<void> done = fresh->finish(); !done) return done.error();
    return summary;
  });
}

Result<Summary> export_folder(const std::string& store, const ExportOptions& options,
                              std::vector<uint8_t>& out) {
  return read_store(store, false, [&](RocksFrameStore& frames) {
    out.clear();
    return export_database(frames, options, [&out](Bytes piece) {
      out.insert(out.end(), piece.begin(), piece.end());
      return Result<void>();
    });
  });
}

Result<bool> is_written_by_another(const std::string& file, const std::string& store) {
  if (!exists(file) || !exists(store)) return false;
  const Result<MappedFile> mapped = MappedFile::open(file);
  if (!mapped) return mapped.error();
  if (mapped->bytes().empty()) return false;
  return find_known(read_known_files(store), mapped->bytes()) == nullptr;
}

Result<Summary> copy_folder(const std::string& from, const std::string& to) {
  return read_store(from, false, [&](RocksFrameStore& source) -> Result<Summary> {
    Result<NewFolder> folder = NewFolder::make(to);
    if (!folder) return folder.error();
    Result<std::unique_ptr<RocksFrameStore>> made = make_store(*folder);
    if (!made) return made.error();
    Result<Summary> copied = copy_store(source, **made);
    if (!copied) return copied.error().with("store", from);
    const Result<void> noted = write_known_files(folder->temporary(), known_for_copy(from, to));
    if (!noted) return noted.error();
    if (const Result<void> done = finish(std::move(*made), *folder); !done) return done.error();
    return copied;
  });
}

Result<Summary> verify_folder(const std::string& store) {
  return read_store(store, true, [&store](RocksFrameStore& frames) -> Result<Summary> {
    if (const Result<void> verified = frames.verify(); !verified) return verified.error();
    Result<Summary> counted = count_store(frames);
    if (!counted) return counted.error().with("store", store);
    return counted;
  });
}

}  // namespace tombo::migration
