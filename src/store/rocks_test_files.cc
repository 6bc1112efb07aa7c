#include "store/rocks_test_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace tombo::store {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSDirectory;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr const char* kCut = "the power is off";

std::string content_of(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class TestFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  TestFile(std::unique_ptr<FSWritableFile> file, std::string name, TestFileSystem& files)
      : FSWritableFileOwnerWrapper(std::move(file)), name_(std::move(name)), files_(files) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    const TestFileSystem::Verdict verdict = files_.before_append(name_, data.size());
    IOStatus written = target()->Append(Slice(data.data(), verdict.bytes), options, debug);
    return verdict.status.ok() ? written : verdict.status;
  }

  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*sums*/, IODebugContext* debug) override {
    return Append(data, options, debug);
  }

  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return files_.before_sync(name_);
  }

  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return files_.before_sync(name_);
  }

  IOStatus RangeSync(uint64_t /*offset*/, uint64_t /*bytes*/, const IOOptions& /*options*/,
                     IODebugContext* /*debug*/) override {
    return IOStatus::OK();
  }

 private:
  const std::string name_;
  TestFileSystem& files_;
};

class TestDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  TestDirectory(std::unique_ptr<FSDirectory> directory, std::string name, TestFileSystem& files)
      : FSDirectoryWrapper(std::move(directory)), name_(std::move(name)), files_(files) {}

  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return files_.before_directory_sync(name_);
  }

  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& /*how*/) override {
    return Fsync(options, debug);
  }

 private:
  const std::string name_;
  TestFileSystem& files_;
};

}  // namespace

TestFileSystem::TestFileSystem(uint64_t seed)
    : FileSystemWrapper(rocksdb::FileSystem::Default()), random_(seed) {}

void TestFileSystem::cut_after(uint64_t operations) {
  const std::lock_guard lock(mutex_);
  operations_left_ = operations;
}

bool TestFileSystem::is_cut() {
  const std::lock_guard lock(mutex_);
  return cut_;
}

void TestFileSystem::set_fault(Fault fault) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
}

void TestFileSystem::set_free(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  free_ = bytes;
}

uint64_t TestFileSystem::last_surviving_name() {
  // Journals of file systems keep the order of these, and RocksDB relies on it: it creates a
  // manifest and renames CURRENT to it before it syncs the directory once.
  uint64_t first = names_changed_ + 1;
  for (const auto& [name, file] : files_) {
    if (file.named_at != 0) first = std::min(first, file.named_at);
  }
  return first - 1 + random_.below(names_changed_ - first + 2);
}

void TestFileSystem::drop_unsynced() {
  const std::lock_guard lock(mutex_);
  // A store that failed is still there, and would tidy up the files of the next one.
  cut_ = true;
  const uint64_t last_name = last_surviving_name();
  for (const auto& [name, file] : files_) {
    std::error_code ignored;
    if (file.named_at <= last_name) {
      // Of what was not synced a piece may have come to the disk, but not always the first.
      const uint64_t kept = file.synced + random_.below(file.written - file.synced + 1);
      std::filesystem::resize_file(name, kept, ignored);
    } else if (file.before) {
      std::ofstream(name, std::ios::binary) << *file.before;
    } else {
      std::filesystem::remove(name, ignored);
    }
  }
}

uint64_t TestFileSystem::unsynced() {
  const std::lock_guard lock(mutex_);
  uint64_t bytes = 0;
  for (const auto& [name, file] : files_) bytes += file.written - file.synced;
  return bytes;
}

IOStatus TestFileSystem::next_operation(bool is_sync) {
  if (cut_ || operations_left_ == 0) {
    cut_ = true;
    return IOStatus::IOError(kCut);
  }
  if (operations_left_ != UINT64_MAX) --operations_left_;
  const Fault fault = fault_;
  if (is_sync) {
    if (fault == Fault::failing_syncs) return IOStatus::IOError(std::strerror(EIO));
    return IOStatus::OK();
  }
  if (fault == Fault::full) return IOStatus::NoSpace("told to be full");
  if (fault == Fault::quota) {
    return IOStatus::IOError("While appending to file", std::strerror(EDQUOT));
  }
  if (fault == Fault::failing_writes) return IOStatus::IOError(std::strerror(EIO));
  return IOStatus::OK();
}

TestFileSystem::Verdict TestFileSystem::before_append(const std::string& name, size_t size) {
  const std::lock_guard lock(mutex_);
  const bool was_cut = cut_;
  IOStatus status = next_operation(/*is_sync=*/false);
  size_t bytes = size;
  if (!status.ok()) bytes = was_cut ? 0 : random_.below(size + 1);
  files_[name].written += bytes;
  return {std::move(status), bytes};
}

IOStatus TestFileSystem::before_sync(const std::string& name) {
  const std::lock_guard lock(mutex_);
  IOStatus status = next_operation(/*is_sync=*/true);
  File& file = files_[name];
  if (!status.ok()) return status;
  file.synced = file.written;
  // The journal is written up to here, with all names that changed before. RocksDB relies on it: a
  // start writes a table and names it in the manifest before it syncs the directory.
  for (auto& [path, each] : files_) {
    each.named_at = 0;
    each.before.reset();
  }
  return status;
}

IOStatus TestFileSystem::before_directory_sync(const std::string& name) {
  const std::lock_guard lock(mutex_);
  IOStatus status = next_operation(/*is_sync=*/true);
  if (!status.ok()) return status;
  const std::filesystem::path folder(name);
  for (auto& [path, file] : files_) {
    if (std::filesystem::path(path).parent_path() != folder) continue;
    file.named_at = 0;
    file.before.reset();
  }
  return status;
}

IOStatus TestFileSystem::opened(const std::string& name, uint64_t size, IOStatus status,
                                std::unique_ptr<FSWritableFile>& file) {
  if (!status.ok()) return status;
  files_[name] = {size, size, size != 0 ? 0 : ++names_changed_, {}};
  file = std::make_unique<TestFile>(std::move(file), name, *this);
  return status;
}

IOStatus TestFileSystem::NewWritableFile(const std::string& name, const FileOptions& options,
                                         std::unique_ptr<FSWritableFile>* file,
                                         IODebugContext* debug) {
  const std::lock_guard lock(mutex_);
  if (cut_) return IOStatus::IOError(kCut);
  return opened(name, 0, target()->NewWritableFile(name, options, file, debug), *file);
}

IOStatus TestFileSystem::ReopenWritableFile(const std::string& name, const FileOptions& options,
                                            std::unique_ptr<FSWritableFile>* file,
                                            IODebugContext* debug) {
  const std::lock_guard lock(mutex_);
  if (cut_) return IOStatus::IOError(kCut);
  std::error_code missing;
  const uint64_t size = std::filesystem::file_size(name, missing);
  return opened(name, missing ? 0 : size, target()->ReopenWritableFile(name, options, file, debug),
                *file);
}

IOStatus TestFileSystem::ReuseWritableFile(const std::string& name, const std::string& old_name,
                                           const FileOptions& options,
                                           std::unique_ptr<FSWritableFile>* file,
                                           IODebugContext* debug) {
  const std::lock_guard lock(mutex_);
  if (cut_) return IOStatus::IOError(kCut);
  files_.erase(old_name);
  return opened(name, 0, target()->ReuseWritableFile(name, old_name, options, file, debug), *file);
}

IOStatus TestFileSystem::NewDirectory(const std::string& name, const IOOptions& options,
                                      std::unique_ptr<FSDirectory>* directory,
                                      IODebugContext* debug) {
  IOStatus status = target()->NewDirectory(name, options, directory, debug);
  if (!status.ok()) return status;
  *directory = std::make_unique<TestDirectory>(std::move(*directory), name, *this);
  return status;
}

IOStatus TestFileSystem::DeleteFile(const std::string& name, const IOOptions& options,
                                    IODebugContext* debug) {
  const std::lock_guard lock(mutex_);
  if (cut_) return IOStatus::IOError(kCut);
  files_.erase(name);
  return target()->DeleteFile(name, options, debug);
}

IOStatus TestFileSystem::RenameFile(const std::string& from, const std::string& to,
                                    const IOOptions& options, IODebugContext* debug) {
  const std::lock_guard lock(mutex_);
  if (cut_) return IOStatus::IOError(kCut);
  std::optional<std::string> before;
  if (std::filesystem::exists(to)) before = content_of(to);
  IOStatus status = target()->RenameFile(from, to, options, debug);
  const auto moved = files_.find(from);
  if (!status.ok() || moved == files_.end()) return status;
  File file = std::move(moved->second);
  files_.erase(moved);
  file.named_at = ++names_changed_;
  file.before = std::move(before);
  files_[to] = std::move(file);
  return status;
}

IOStatus TestFileSystem::LockFile(const std::string& /*name*/, const IOOptions& /*options*/,
                                  rocksdb::FileLock** lock, IODebugContext* /*debug*/) {
  *lock = nullptr;
  return IOStatus::OK();
}

IOStatus TestFileSystem::UnlockFile(rocksdb::FileLock* /*lock*/, const IOOptions& /*options*/,
                                    IODebugContext* /*debug*/) {
  return IOStatus::OK();
}

IOStatus TestFileSystem::GetFreeSpace(const std::string& /*path*/, const IOOptions& /*options*/,
                                      uint64_t* free, IODebugContext* /*debug*/) {
  const std::lock_guard lock(mutex_);
  *free = free_;
  return IOStatus::OK();
}

}  // namespace tombo::store
