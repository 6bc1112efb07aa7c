#include "server/written_file.h"

#include <cerrno>
#include <fcntl.h>
#include <grp.h>
#include <unistd.h>
#include <vector>

#include "base/check.h"

namespace tombo::server {
namespace {

/// Lends the process the rights of a user until it ends.  Home: the only thread.
class AsUser {
 public:
  explicit AsUser(const RunAs& user) : gid_(::getegid()) {
    groups_.resize(static_cast<size_t>(::getgroups(0, nullptr)));
    CHECK(::getgroups(static_cast<int>(groups_.size()), groups_.data()) >= 0);
    // An id that cannot be taken on now cannot be later either, and the drop will say so.
    lent_ = set_groups(user) && ::setegid(user.gid) == 0 && ::seteuid(user.uid) == 0;
  }

  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;

  ~AsUser() {
    const int error = errno;
    CHECK(::seteuid(0) == 0 && ::setegid(gid_) == 0, "cannot go back to root");
    CHECK(::setgroups(groups_.size(), groups_.data()) == 0 || !lent_, "cannot go back to root");
    errno = error;
  }

  [[nodiscard]] bool is_lent() const { return lent_; }

 private:
  gid_t gid_;
  std::vector<gid_t> groups_;
  bool lent_ = false;
};

}  // namespace

net::Socket open_to_write(const std::optional<RunAs>& user, const std::string& path, int flags,
                          mode_t mode) {
  flags |= O_CLOEXEC;
  if (!user) return net::Socket(::open(path.c_str(), flags | O_CREAT, mode));
  {
    const AsUser lent(*user);
    errno = EPERM;
    net::Socket file(lent.is_lent() ? ::open(path.c_str(), flags | O_CREAT, mode) : -1);
    if (file || errno != EACCES) return file;
  }
  flags |= O_NOFOLLOW;
  net::Socket file(::open(path.c_str(), flags | O_CREAT | O_EXCL, mode));
  if (!file && errno == EEXIST)
    file = net::Socket(::open(path.c_str(), flags));
  else if (file && ::fchown(file.descriptor(), user->uid, user->gid) != 0)
    file.close();
  return file;
}

}  // namespace tombo::server
