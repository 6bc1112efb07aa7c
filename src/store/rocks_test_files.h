#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include "base/random.h"

namespace tombo::store {

/// For tests: the system's files, but syncs go nowhere, and on a cut of the power all is lost that
/// had not been synced, but for a piece of what was written last. It can also be full, or fail.
/// One serves for one start of a broker.
/// ```
/// files.cut_after(20);      // appends and syncs from now on
/// ... use it until everything fails ...
/// files.drop_unsynced();    // what the next start finds, with a file system of its own
/// ```
/// For any threads.
class TestFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  enum class Fault : uint8_t { none, full, quota, failing_writes, failing_syncs };

  explicit TestFileSystem(uint64_t seed);

  /// After so many more appends and syncs everything fails, the last append half done.
  void cut_after(uint64_t operations);
  [[nodiscard]] bool is_cut();
  /// Makes the files what a cut leaves of them; from then on everything fails.
  void drop_unsynced();
  /// Bytes written that are not synced.
  [[nodiscard]] uint64_t unsynced();

  /// From the next append or sync on.
  void set_fault(Fault fault);
  /// What GetFreeSpace() tells.
  void set_free(uint64_t bytes);

  [[nodiscard]] const char* Name() const override { return "tombo.TestFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  // Nobody unlocks what failed.
  rocksdb::IOStatus LockFile(const std::string& name, const rocksdb::IOOptions& options,
                             rocksdb::FileLock** lock, rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus UnlockFile(rocksdb::FileLock* lock, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 uint64_t* free, rocksdb::IODebugContext* debug) override;

  // For its files and directories.

  /// How many of `size` bytes may be written, and what is said then.
  struct Verdict {
    rocksdb::IOStatus status;
    size_t bytes = 0;
  };

  Verdict before_append(const std::string& name, size_t size);
  rocksdb::IOStatus before_sync(const std::string& name);
  rocksdb::IOStatus before_directory_sync(const std::string& name);

 private:
  struct File {
    uint64_t written = 0;
    uint64_t synced = 0;
    uint64_t named_at = 0;  // Which change of names gave it its own; 0: that one has been synced.
    std::optional<std::string>
        before{};  // What the file had in it that this one took the place of.
  };

  /// Requires: the lock. The changes of names up to this one survive the cut.
  uint64_t last_surviving_name();

  /// Requires: the lock. Counts an operation.
  rocksdb::IOStatus next_operation(bool is_sync);
  rocksdb::IOStatus opened(const std::string& name, uint64_t size, rocksdb::IOStatus status,
                           std::unique_ptr<rocksdb::FSWritableFile>& file);

  std::mutex mutex_;
  Random random_;
  std::map<std::string, File> files_;  // Written since the last cut.
  uint64_t names_changed_ = 0;
  uint64_t operations_left_ = UINT64_MAX;
  bool cut_ = false;
  Fault fault_ = Fault::none;
  uint64_t free_ = uint64_t{1} << 40;
};

}  // namespace tombo::store
