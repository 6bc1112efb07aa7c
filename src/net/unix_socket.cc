#include "net/unix_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "base/check.h"
#include "net/listener.h"

namespace tombo::net {
namespace {

/// As Mosquitto: for the owner and the group.
constexpr mode_t kMode = 0770;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path, address.sun_path);
  return address;
}

Socket open_socket() {
  return Socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/// Removes a socket that a broker has left behind. 0, or the errno that says why there is none.
int remove_stale(const std::string& path) {
  struct stat status {};

  if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT ? 0 : errno;
  if (!S_ISSOCK(status.st_mode)) return EADDRINUSE;
  const Socket socket = open_socket();
  const sockaddr_un address = address_of(path);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  // EAGAIN, too, comes from somebody who listens.
  if (::connect(socket.descriptor(), generic, sizeof address) == 0 || errno != ECONNREFUSED) {
    return EADDRINUSE;
  }
  return ::unlink(path.c_str()) == 0 ? 0 : errno;
}

/// The file is for `owner` and the group; false: errno says why. In a folder of somebody else's
/// another file may stand at the path by now, and root must not give that away, so only what the
/// path led to once, and only a socket, is changed.
bool give_away(const std::string& path, const FileOwner& owner) {
  const Socket file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));

  struct stat status {};

  if (!file || ::fstat(file.descriptor(), &status) != 0) return false;
  if (!S_ISSOCK(status.st_mode) || status.st_nlink != 1) {
    errno = EADDRINUSE;
    return false;
  }
  const std::string itself = fmt::format("/proc/self/fd/{}", file.descriptor());
  return ::chmod(itself.c_str(), kMode) == 0 &&
         ::fchownat(file.descriptor(), "", owner.uid, owner.gid, AT_EMPTY_PATH) == 0;
}

bool set_rights(const std::string& path, const std::optional<FileOwner>& owner) {
  return owner ? give_away(path, *owner) : ::chmod(path.c_str(), kMode) == 0;
}

}  // namespace

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
  struct stat status {};

  CHECK(::lstat(path_.c_str(), &status) == 0);
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    inode_ = other.inode_;
  }
  return *this;
}

SocketFile::~SocketFile() {
  remove();
}

void SocketFile::remove() noexcept {
  if (path_.empty()) return;

  struct stat status {};

  const bool ours =
      ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
  // A folder that may not be written to keeps the file: the next start takes it for stale.
  if (ours) ::unlink(path_.c_str());
}

Result<UnixListening> listen_at_path(const std::string& path,
                                     const std::optional<FileOwner>& owner) {
  DCHECK(path.size() <= kUnixPathBytesMax);
  if (const int error = remove_stale(path); error != 0) return Error{std::strerror(error)};
  UnixListening listening{open_socket(), {}};
  const sockaddr_un address = address_of(path);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (!listening.socket || ::bind(listening.socket.descriptor(), generic, sizeof address) != 0) {
    return Error{std::strerror(errno)};
  }
  listening.file = SocketFile(path);
  // Nobody can connect before listen(), so nobody does with the rights that umask has left.
  if (!set_rights(path, owner) ||
      ::listen(listening.socket.descriptor(), Listener::kBacklog) != 0) {
    return Error{std::strerror(errno)};
  }
  return listening;
}

}  // namespace tombo::net
