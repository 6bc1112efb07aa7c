#include "store/rocks_patient_files.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

namespace tombo::store {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

/// RocksDB keeps of errno the text only, ENOSPC and ESTALE apart.
bool lacks_room(const IOStatus& status) {
  if (status.ok()) return false;
  return status.IsNoSpace() || status.ToString().find(std::strerror(EDQUOT)) != std::string::npos;
}

/// So long a failed write waits for a sync that goes on.
constexpr std::chrono::seconds kSyncMax{10};

uint64_t size_of(const std::string& name) {
  std::error_code missing;
  const uint64_t size = std::filesystem::file_size(name, missing);
  return missing ? 0 : size;
}

/// Tries until there is room. What frees room needs some first, so the reserve goes.
template <class Try>
IOStatus with_room(Room& room, const Try& try_it) {
  Patience::Wait wait(room.patience);
  for (;;) {
    IOStatus status = try_it();
    if (!lacks_room(status)) return status;
    std::error_code ignored;
    if (std::filesystem::remove(room.reserve, ignored)) continue;
    if (!wait.again(kRoomInterval)) return IOStatus::NoSpace("no room");
  }
}

class PatientFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  PatientFile(std::unique_ptr<FSWritableFile> file, std::string name, Room& room)
      : FSWritableFileOwnerWrapper(std::move(file)),
        name_(std::move(name)),
        room_(room),
        size_(size_of(name_)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    size_t done = 0;
    IOStatus status = with_room(room_, [&] {
      IOStatus written =
          target()->Append(Slice(data.data() + done, data.size() - done), options, debug);
      // A piece of it may have found room.
      if (!written.ok()) done = size_of(name_) - size_;
      return written;
    });
    if (status.ok()) size_ += data.size();
    return noted(std::move(status));
  }

  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return noted(target()->Sync(options, debug));
  }

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return noted(target()->Fsync(options, debug));
  }

  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*sums*/, IODebugContext* debug) override {
    return Append(data, options, debug);
  }

  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    size_ = size;
    return target()->Truncate(size, options, debug);
  }

  /// Nothing is allocated in advance: the file below, which does not know of pieces, would cut off
  /// at the end what it thinks was not used.
  void PrepareWrite(size_t /*offset*/, size_t /*size*/, const IOOptions& /*options*/,
                    IODebugContext* /*debug*/) override {}

 private:
  /// RocksDB hears of a failure only when no sync of the log is under way, and none begins.
  IOStatus noted(IOStatus status) {
    if (!status.ok() && is_log_) room_.syncs.close(kSyncMax);
    return status;
  }

  const std::string name_;
  const bool is_log_ = std::filesystem::path(name_).extension() == ".log";
  Room& room_;
  uint64_t size_;
};

class PatientFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  PatientFileSystem(const std::shared_ptr<FileSystem>& files, Room& room)
      : FileSystemWrapper(files), room_(room) {}

  [[nodiscard]] const char* Name() const override { return "tombo.PatientFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* file, IODebugContext* debug) override {
    return opened(name, *file,
                  [&] { return target()->NewWritableFile(name, options, file, debug); });
  }

  IOStatus ReopenWritableFile(const std::string& name, const FileOptions& options,
                              std::unique_ptr<FSWritableFile>* file,
                              IODebugContext* debug) override {
    return opened(name, *file,
                  [&] { return target()->ReopenWritableFile(name, options, file, debug); });
  }

  IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name,
                             const FileOptions& options, std::unique_ptr<FSWritableFile>* file,
                             IODebugContext* debug) override {
    return opened(name, *file, [&] {
      return target()->ReuseWritableFile(name, old_name, options, file, debug);
    });
  }

  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    return with_room(room_, [&] { return target()->RenameFile(from, to, options, debug); });
  }

 private:
  template <class Open>
  IOStatus opened(const std::string& name, std::unique_ptr<FSWritableFile>& file,
                  const Open& open) {
    IOStatus status = with_room(room_, open);
    if (status.ok()) file = std::make_unique<PatientFile>(std::move(file), name, room_);
    return status;
  }

  Room& room_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> with_patience(
    const std::shared_ptr<rocksdb::FileSystem>& files, Room& room) {
  return std::make_shared<PatientFileSystem>(files, room);
}

}  // namespace tombo::store
