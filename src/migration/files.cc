#include "migration/files.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

namespace tombo::migration {
namespace {

namespace fs = std::filesystem;

Error error_of(const fs::path& path, int error) {
  return Error{fmt::format("{}: {}", path.string(), std::strerror(error))};
}

fs::path with_new(const fs::path& path) {
  return path.string() + ".new";
}

fs::path folder_of(const fs::path& path) {
  const fs::path folder = path.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

/// Names in a folder are on the disk.
Result<void> sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return error_of(folder, errno);
  const bool synced = ::fsync(descriptor) == 0;
  const int error = errno;
  ::close(descriptor);
  if (!synced) return error_of(folder, error);
  return {};
}

/// What root makes is for the owner of the folder that it is in: a broker that is not root's uses
/// it.
Result<void> give_to_owner(const fs::path& path, const fs::path& folder) {
  if (::geteuid() != 0) return {};

  struct stat about {};

  if (::stat(folder.c_str(), &about) != 0) return error_of(folder, errno);
  if (::lchown(path.c_str(), about.st_uid, about.st_gid) != 0) return error_of(path, errno);
  return {};
}

}  // namespace

Result<MappedFile> MappedFile::open(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return error_of(path, errno);

  struct stat about {};

  MappedFile file;
  int error = ::fstat(descriptor, &about) == 0 ? 0 : errno;
  const bool regular = error == 0 && S_ISREG(about.st_mode);
  if (regular && about.st_size != 0) {
    const auto size = static_cast<size_t>(about.st_size);
    void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (memory == MAP_FAILED) {
      error = errno;
    } else {
      file.memory_ = memory;
      file.size_ = size;
    }
  }
  ::close(descriptor);
  if (error != 0) return error_of(path, error);
  if (!regular) return Error{path.string() + ": not a file"};
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (memory_ != nullptr) ::munmap(memory_, size_);
}

Result<NewFile> NewFile::make(fs::path path) {
  NewFile file(std::move(path));
  const fs::path temporary = file.temporary();
  if (::unlink(temporary.c_str()) != 0 && errno != ENOENT) return error_of(temporary, errno);
  file.descriptor_ = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file.descriptor_ < 0) return error_of(temporary, errno);
  if (const Result<void> given = give_to_owner(temporary, folder_of(temporary)); !given) {
    return given.error();
  }
  return file;
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

NewFile::~NewFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary().c_str());
}

fs::path NewFile::temporary() const {
  return with_new(path_);
}

Result<void> NewFile::write(Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return error_of(temporary(), written < 0 ? errno : ENOSPC);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

Result<void> NewFile::sync() {
  if (::fsync(descriptor_) != 0) return error_of(temporary(), errno);
  return {};
}

Result<void> NewFile::finish() {
  if (Result<void> synced = sync(); !synced) return synced;
  if (::rename(temporary().c_str(), path_.c_str()) != 0) return error_of(path_, errno);
  ::close(std::exchange(descriptor_, -1));
  return sync_folder(folder_of(path_));
}

Result<NewFolder> NewFolder::make(fs::path path) {
  while (!path.empty() && path.filename().empty()) path = path.parent_path();
  if (std::error_code ignored; fs::exists(path, ignored)) {
    return Error{path.string() + ": it is there already"};
  }
  NewFolder folder(std::move(path));
  std::error_code failed;
  fs::remove_all(folder.temporary(), failed);
  if (!failed) fs::create_directories(folder.temporary(), failed);
  if (failed) return error_of(folder.temporary(), failed.value());
  return folder;
}

NewFolder::NewFolder(NewFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

NewFolder::~NewFolder() {
  if (path_.empty()) return;
  std::error_code ignored;
  fs::remove_all(temporary(), ignored);
}

fs::path NewFolder::temporary() const {
  return with_new(path_);
}

Result<void> NewFolder::finish() {
  const fs::path parent = folder_of(path_);
  std::error_code failed;
  for (fs::recursive_directory_iterator at(temporary(), failed), end; !failed && at != end;
       at.increment(failed)) {
    if (Result<void> given = give_to_owner(at->path(), parent); !given) return given;
    if (!at->is_directory(failed)) continue;
    if (Result<void> synced = sync_folder(at->path()); !synced) return synced;
  }
  if (failed) return error_of(temporary(), failed.value());
  if (Result<void> given = give_to_owner(temporary(), parent); !given) return given;
  if (Result<void> synced = sync_folder(temporary()); !synced) return synced;
  fs::rename(temporary(), path_, failed);
  if (failed) return error_of(path_, failed.value());
  path_.clear();
  return sync_folder(parent);
}

}  // namespace tombo::migration
