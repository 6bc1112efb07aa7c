#include "store/rocks_frame_store.h"

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include "base/check.h"
#include "store/rocks_patient_files.h"

namespace tombo::store {
namespace {

/// Of the tables and the frames together. Stands in a file of its own, so that a store of a newer
/// tombo is not even opened.
constexpr std::string_view kVersion = "1\n";
constexpr const char* kVersionFile = "VERSION";
constexpr const char* kDatabase = "rocksdb";
constexpr const char* kReserve = "reserve";

constexpr size_t kBlockCache = size_t{32} << 20;
constexpr uint64_t kLogMax = uint64_t{256} << 20;
/// Values from this size on are not written again when files are merged.
constexpr uint64_t kBlobSize = 4096;

/// Somebody who writes a lot finishes a file every second or so, and opening takes far less.
constexpr int kTriesToRead = 20;

constexpr std::array<const char*, kTables> kTableNames{"ses", "sub", "ret"};
constexpr const char* kFrames = "log";

Error error_of(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return Error{"no space left on the disk"};
  return Error{status.ToString()};
}

std::string key_of(FrameNumber number) {
  std::string key(sizeof(number), '\0');
  for (size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<char>(number >> (8 * (key.size() - 1 - i)));
  }
  return key;
}

FrameNumber number_of(const rocksdb::Slice& key) {
  FrameNumber number = 0;
  for (size_t i = 0; i < key.size(); ++i) number = number << 8 | static_cast<uint8_t>(key[i]);
  return number;
}

rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}

std::string_view view(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

/// The first key behind all that begin with `prefix`. Requires: a byte of it is not 0xFF.
std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<uint8_t>(prefix.back()) == 0xFF) prefix.pop_back();
  DCHECK(!prefix.empty());
  prefix.back() = static_cast<char>(static_cast<uint8_t>(prefix.back()) + 1);
  return prefix;
}

void add(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* family, const Change& change) {
  switch (change.kind) {
    case Change::Kind::put:
      batch.Put(family, slice(change.key), slice(change.value));
      return;
    case Change::Kind::erase:
      batch.Delete(family, slice(change.key));
      return;
    case Change::Kind::erase_prefix:
      batch.DeleteRange(family, slice(change.key), slice(end_of_prefix(change.key)));
      return;
  }
}

/// For who only reads: RocksDB would move the log of who uses the database out of the way.
class NoLog final : public rocksdb::Logger {
 public:
  using Logger::Logv;

  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

rocksdb::DBOptions database_options(const RocksOptions& wanted, rocksdb::Env* environment) {
  rocksdb::DBOptions options;
  options.env = environment;
  options.manual_wal_flush = wanted.durability == Durability::none;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.max_background_jobs = 2;
  options.max_total_wal_size = kLogMax;
  options.keep_log_file_num = 2;
  options.max_log_file_size = size_t{1} << 20;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  // Tests open a store whose last process, as it were, has not ended: both would tidy up its logs.
  if (wanted.environment != nullptr) options.info_log = std::make_shared<NoLog>();
  return options;
}

rocksdb::ColumnFamilyOptions family_options(const std::shared_ptr<rocksdb::Cache>& cache,
                                            const RocksOptions& wanted, bool frames) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = wanted.write_buffer;
  options.compression = rocksdb::kNoCompression;
  options.enable_blob_files = frames;
  options.min_blob_size = kBlobSize;
  options.enable_blob_garbage_collection = true;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> all_families(const RocksOptions& wanted) {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(kBlockCache);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, family_options(cache, wanted, false));
  for (const char* name : kTableNames) {
    families.emplace_back(name, family_options(cache, wanted, false));
  }
  families.emplace_back(kFrames, family_options(cache, wanted, true));
  return families;
}

}  // namespace

struct RocksFrameStore::State {
  Room room;
  std::unique_ptr<rocksdb::Env> environment;
  std::unique_ptr<rocksdb::DB> database;
  std::array<rocksdb::ColumnFamilyHandle*, kTables> tables{};
  rocksdb::ColumnFamilyHandle* frames = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  RocksOptions options;
  bool failed = false;
  bool sync_failed = false;  // Another thread's.
  std::string manifest{};    // As open_to_read() saw it.
  uint64_t synced = 0;       // The newest change that catch_up() has dealt with.

  State* kept = nullptr;  // The one before, of those that may not be destroyed.

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    if (database == nullptr) return;
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      database->DestroyColumnFamilyHandle(handle);
    }
    database->Close();
  }

  void name_handles() {
    // The first one is RocksDB's own.
    for (size_t i = 0; i < kTables; ++i) tables[i] = handles[1 + i];
    frames = handles[1 + kTables];
  }

  [[nodiscard]] rocksdb::ColumnFamilyHandle* family(Table table) const {
    return tables[static_cast<size_t>(table)];
  }
};

namespace {

Error error_of(const std::filesystem::path& path, int error) {
  return Error{fmt::format("{}: {}", path.string(), std::strerror(error))};
}

/// What is in the version file; empty: there is none.
std::string read_version(const std::filesystem::path& folder) {
  std::ifstream file(folder / kVersionFile);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Makes the folder and its version file, on the disk before anything else.
Result<void> make_folder(const std::filesystem::path& folder) {
  std::error_code made;
  std::filesystem::create_directories(folder, made);
  // What it holds is for nobody else.
  if (!made) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, made);
  if (made) return error_of(folder, made.value());
  const std::filesystem::path file = folder / kVersionFile;
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return error_of(file, errno);
  const bool written = ::write(descriptor, kVersion.data(), kVersion.size()) ==
                           static_cast<ssize_t>(kVersion.size()) &&
                       ::fsync(descriptor) == 0;
  const int error = errno;
  ::close(descriptor);
  if (!written) return error_of(file, error);
  return {};
}

/// Takes `size` bytes of the disk; false: they are not there.
bool make_reserve(const std::filesystem::path& file, uint64_t size) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return false;
  const bool made = ::posix_fallocate(descriptor, 0, static_cast<off_t>(size)) == 0;
  ::close(descriptor);
  std::error_code ignored;
  if (!made) std::filesystem::remove(file, ignored);
  return made;
}

Error unknown_version(const std::string& version) {
  return Error{fmt::format("its format is \"{}\", and only {} is known: a newer tombo wrote it",
                           version.substr(0, version.find('\n')), kVersion.substr(0, 1))};
}

/// Error: there is a store, but not one that this tombo understands.
Result<void> check_folder(const std::filesystem::path& folder) {
  const std::string version = read_version(folder);
  if (version == kVersion) return {};
  std::error_code failed;
  const bool is_store = std::filesystem::exists(folder / kDatabase, failed);
  if (failed) return error_of(folder, failed.value());
  // Without a database it is a new folder, or one that was cut off while it was made.
  if (!is_store) return make_folder(folder);
  return unknown_version(version);
}

}  // namespace

RocksFrameStore::RocksFrameStore(std::unique_ptr<State> state) : state_(std::move(state)) {}

RocksFrameStore::~RocksFrameStore() {
  bool broken = state_->failed || state_->sync_failed;
  if (!broken && state_->database != nullptr && state_->options.durability != Durability::fsync) {
    broken = !state_->room.syncs.enter();
    if (!broken) {
      broken = !state_->database->FlushWAL(true).ok();
      state_->room.syncs.leave();
    }
  }
  if (!broken) return;
  // Closing RocksDB after a failed write may run into its assertions. The process ends anyhow.
  static State* kept = nullptr;
  state_->kept = kept;
  kept = state_.release();
}

Result<std::unique_ptr<RocksFrameStore>> RocksFrameStore::open(const RocksOptions& options) {
  const std::filesystem::path folder(options.path);
  if (const Result<void> known = check_folder(folder); !known) {
    return known.error().with("store", options.path);
  }
  const auto families = all_families(options);
  auto state = std::make_unique<State>();
  state->options = options;
  state->room.reserve = folder / kReserve;
  rocksdb::Env* below =
      options.environment != nullptr ? options.environment : rocksdb::Env::Default();
  state->environment = rocksdb::NewCompositeEnv(with_patience(below->GetFileSystem(), state->room));
  rocksdb::DB* database = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(database_options(options, state->environment.get()), folder / kDatabase,
                        families, &state->handles, &database);
  if (!opened.ok()) return error_of(opened).with("store", options.path);
  state->database.reset(database);
  state->name_handles();
  state->room.patience.allow(true);
  return std::unique_ptr<RocksFrameStore>(new RocksFrameStore(std::move(state)));
}

namespace {

/// Changes whenever a file of the database begins or ends: the name and the size of its manifest.
std::string look_at_manifest(const std::filesystem::path& database) {
  std::ifstream file(database / "CURRENT");
  std::string name;
  std::getline(file, name);
  std::error_code failed;
  const auto size = std::filesystem::file_size(database / name, failed);
  return failed ? std::string() : fmt::format("{} {}", name, size);
}

}  // namespace

Result<std::unique_ptr<RocksFrameStore>> RocksFrameStore::open_to_read(const std::string& path,
                                                                       bool whole_log) {
  const std::filesystem::path folder(path);
  const std::string version = read_version(folder);
  if (version.empty()) return Error{"there is none"}.with("store", path);
  if (version != kVersion) return unknown_version(version).with("store", path);
  rocksdb::Status opened;
  for (int tries = 0; tries < kTriesToRead; ++tries) {
    auto state = std::make_unique<State>();
    state->options.path = path;
    rocksdb::DBOptions options = database_options(state->options, rocksdb::Env::Default());
    options.info_log = std::make_shared<NoLog>();
    if (whole_log) {
      options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    }
    rocksdb::DB* database = nullptr;
    const std::string before = look_at_manifest(folder / kDatabase);
    opened = rocksdb::DB::OpenForReadOnly(options, folder / kDatabase, all_families(state->options),
                                          &state->handles, &database);
    const std::string after = look_at_manifest(folder / kDatabase);
    if (opened.ok()) state->database.reset(database);
    // A log whose content went into a table meanwhile would be missed.
    if (before != after) continue;
    if (!opened.ok()) return error_of(opened).with("store", path);
    state->name_handles();
    state->manifest = after;
    return std::unique_ptr<RocksFrameStore>(new RocksFrameStore(std::move(state)));
  }
  return Error{"it changes too often to be read while it is in use"}.with("store", path);
}

bool RocksFrameStore::has_changed() const {
  return look_at_manifest(std::filesystem::path(state_->options.path) / kDatabase) !=
         state_->manifest;
}

Result<void> RocksFrameStore::verify() {
  const rocksdb::Status verified = state_->database->VerifyChecksum();
  if (!verified.ok()) return error_of(verified).with("store", state_->options.path);
  return {};
}

Result<void> RocksFrameStore::commit(const Commit& commit) {
  rocksdb::WriteBatch batch;
  for (const Change& change : commit.changes) add(batch, state_->family(change.table), change);
  if (commit.frame != 0) {
    batch.Put(state_->frames, slice(key_of(commit.frame)), slice(as_text(commit.frame_bytes)));
  }
  for (FrameNumber dead = commit.dead_first; dead < commit.dead_last; ++dead) {
    // Each was put once, so one mark undoes it, often before either is in a file.
    batch.SingleDelete(state_->frames, slice(key_of(dead)));
  }
  rocksdb::WriteOptions options;
  options.sync = state_->options.durability == Durability::fsync;
  const rocksdb::Status written = state_->database->Write(options, &batch);
  state_->failed = !written.ok();
  if (!written.ok()) return error_of(written);
  return {};
}

void RocksFrameStore::stop_waiting() {
  state_->room.patience.allow(false);
}

bool RocksFrameStore::has_room() {
  if (state_->room.patience.waiting() != 0) return false;
  const uint64_t reserve = state_->options.reserve;
  if (reserve == 0) return true;
  uint64_t free = 0;
  const rocksdb::IOStatus asked = state_->database->GetFileSystem()->GetFreeSpace(
      state_->options.path, rocksdb::IOOptions(), &free, nullptr);
  if (!asked.ok()) return true;  // Then the disk itself has to say when it is full.
  std::error_code ignored;
  if (std::filesystem::exists(state_->room.reserve, ignored)) return free >= reserve;
  return free >= 2 * reserve + reserve / 4 && make_reserve(state_->room.reserve, reserve);
}

Result<std::string> RocksFrameStore::read(FrameNumber number) {
  std::string frame;
  const rocksdb::Status got =
      state_->database->Get({}, state_->frames, slice(key_of(number)), &frame);
  if (!got.ok()) return error_of(got).with("frame", std::to_string(number));
  return frame;
}

Result<void> RocksFrameStore::scan_frames(
    const std::function<bool(FrameNumber, std::string_view)>& each) {
  const std::unique_ptr<rocksdb::Iterator> at(state_->database->NewIterator({}, state_->frames));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    if (!each(number_of(at->key()), view(at->value()))) return {};
  }
  if (!at->status().ok()) return error_of(at->status());
  return {};
}

Result<void> RocksFrameStore::scan(
    Table table, const std::function<bool(std::string_view, std::string_view)>& each) {
  const std::unique_ptr<rocksdb::Iterator> at(
      state_->database->NewIterator({}, state_->family(table)));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    if (!each(view(at->key()), view(at->value()))) return {};
  }
  if (!at->status().ok()) return error_of(at->status());
  return {};
}

Result<void> RocksFrameStore::catch_up() {
  const uint64_t newest = state_->database->GetLatestSequenceNumber();
  if (newest == state_->synced) return {};
  if (!state_->room.syncs.enter()) return {};  // the commit that failed says so
  const rocksdb::Status synced = state_->options.durability == Durability::none
                                     ? state_->database->FlushWAL(false)
                                     : state_->database->SyncWAL();
  state_->room.syncs.leave();
  state_->sync_failed = !synced.ok();
  if (!synced.ok()) return error_of(synced);
  state_->synced = newest;
  return {};
}

Result<void> RocksFrameStore::checkpoint(const std::string& path) {
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(state_->database.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  const std::filesystem::path folder(path);
  if (std::filesystem::exists(folder)) {
    return Error{"it is there already"}.with("copy of the store", path);
  }
  if (const Result<void> folder_made = make_folder(folder); !folder_made) {
    return folder_made.error().with("copy of the store", path);
  }
  if (status.ok()) status = checkpoint->CreateCheckpoint(folder / kDatabase);
  if (!status.ok()) return error_of(status).with("copy of the store", path);
  return {};
}

}  // namespace tombo::store
