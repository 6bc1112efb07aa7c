#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <sys/types.h>
#include <sys/un.h>

#include "base/result.h"
#include "net/socket.h"

namespace tombo::net {

/// The longest path of a Unix socket: what the kernel has room for, without the zero at the end.
inline constexpr size_t kUnixPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

/// The file of a Unix socket that this process listens at. It is removed with this object, unless
/// somebody has put another one in its place.
class SocketFile {
 public:
  SocketFile() = default;
  /// Requires: the file is there.
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&& other) noexcept;
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;
  ~SocketFile();

 private:
  void remove() noexcept;

  std::string path_;  // Empty: none.
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct UnixListening {
  Socket socket;
  SocketFile file;
};

/// Whom root gives a file to.
struct FileOwner {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Listens at `path`, where the owner and the group of this process may connect, or `owner` if the
/// process is still root's. A socket that
/// nobody listens at any more is replaced; any other file, and a socket in use, is left alone and
/// makes this fail. Requires: at most kUnixPathBytesMax.
Result<UnixListening> listen_at_path(const std::string& path,
                                     const std::optional<FileOwner>& owner = {});

}  // namespace tombo::net
