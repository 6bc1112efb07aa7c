#include "tools/locked_file.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "base/check.h"

namespace tombo::tools {
namespace {

Error cannot_open(const std::string& path, std::string_view why) {
  return {fmt::format("Error: Unable to open password file {}. {}.", path, why)};
}

Error cannot_write(const std::string& path, int number) {
  return {
      fmt::format("Error: Unable to open file {} for writing. {}.", path, std::strerror(number))};
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

/// A new file beside the one that it becomes. Gone with this object if it has not taken its place.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& target)
      : path_(target + ".XXXXXX"), descriptor_(::mkostemp(path_.data(), O_CLOEXEC)) {}

  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  ~TemporaryFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }

  [[nodiscard]] bool take_over(const struct stat& about) const {
    struct stat own {};

    if (::fstat(descriptor_, &own) != 0) return false;
    const bool is_foreign = own.st_uid != about.st_uid || own.st_gid != about.st_gid;
    if (is_foreign && ::fchown(descriptor_, about.st_uid, about.st_gid) != 0) return false;
    return ::fchmod(descriptor_, about.st_mode & 07777) == 0;
  }

  /// On disk, and in its place; `flags` are those of renameat2().
  [[nodiscard]] bool finish(std::string_view text, const std::string& target, unsigned flags) {
    if (!write_all(descriptor_, text) || ::fsync(descriptor_) != 0) return false;
    int done = ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target.c_str(), flags);
    // Some file systems know no flags.
    if (done != 0 && errno == EINVAL && flags != 0 && !is_taken(target)) {
      done = ::rename(path_.c_str(), target.c_str());
    }
    if (done != 0) return false;
    path_.clear();
    // The name is not on disk before the folder is. Not all file systems know that.
    const int folder = ::open(folder_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
      ::fsync(folder);
      ::close(folder);
    }
    return true;
  }

 private:
  std::string path_;
  int descriptor_;
};

}  // namespace

LockedFile::LockedFile(std::string path, int descriptor, const struct stat& about)
    : path_(std::move(path)), descriptor_(descriptor), about_(about) {}

LockedFile::LockedFile(LockedFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      about_(other.about_) {}

LockedFile::~LockedFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<LockedFile> LockedFile::open(const std::string& path, Links links) {
  struct stat about {};

  if (::lstat(path.c_str(), &about) != 0) return cannot_open(path, std::strerror(errno));
  if (S_ISLNK(about.st_mode) && links == Links::refuse) {
    return cannot_open(path,
                       "It is a symbolic link, and MOSQUITTO_UNSAFE_ALLOW_SYMLINKS is not set");
  }
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (real == nullptr) return cannot_open(path, std::strerror(errno));
  for (;;) {
    const int descriptor = ::open(real.get(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) return cannot_open(path, std::strerror(errno));
    int locked = 0;
    do {
      locked = ::flock(descriptor, LOCK_EX);
    } while (locked != 0 && errno == EINTR);
    const int number = errno;

    struct stat named {};

    const bool is_there = ::fstat(descriptor, &about) == 0 && ::stat(real.get(), &named) == 0;
    // Who had the lock before has put another file there: that one is to be changed.
    const bool is_same = is_there && about.st_dev == named.st_dev && about.st_ino == named.st_ino;
    if (locked == 0 && is_same && S_ISREG(about.st_mode)) {
      return LockedFile(real.get(), descriptor, about);
    }
    ::close(descriptor);
    if (locked != 0) return cannot_open(path, std::strerror(number));
    if (is_there && !S_ISREG(about.st_mode)) return cannot_open(path, "It is not a file");
  }
}

Result<std::string> LockedFile::read() const {
  if (about_.st_size > static_cast<off_t>(kBytesMax)) {
    return cannot_open(path_, fmt::format("It has more than {} bytes", kBytesMax));
  }
  std::string text(static_cast<size_t>(about_.st_size), '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got =
        ::pread(descriptor_, text.data() + size, text.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_open(path_, std::strerror(errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return text;
}

Result<void> LockedFile::replace(std::string_view text) const {
  TemporaryFile fresh(path_);
  if (!fresh.is_open() || !fresh.take_over(about_) || !fresh.finish(text, path_, 0)) {
    return cannot_write(path_, errno);
  }
  return {};
}

Result<void> create_file(const std::string& path, std::string_view text) {
  TemporaryFile fresh(path);
  if (!fresh.is_open() || !fresh.finish(text, path, RENAME_NOREPLACE)) {
    return cannot_write(path, errno);
  }
  return {};
}

bool is_taken(const std::string& path) {
  struct stat about {};

  return ::lstat(path.c_str(), &about) == 0;
}

}  // namespace tombo::tools
