#include "server/daemon.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "server/written_file.h"

namespace tombo::server {
namespace {

Error system_error(std::string_view what) {
  return Error{fmt::format("{}: {}.", what, std::strerror(errno))};
}

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<void> go_to_background() {
  const pid_t child = ::fork();
  if (child < 0) return system_error("Error in fork");
  // Without exit handlers and destructors: everything belongs to the child.
  if (child > 0) ::_exit(0);
  if (::setsid() < 0) return system_error("Error in setsid");
  const int null = ::open("/dev/null", O_RDWR);
  if (null < 0) return system_error("Error whilst daemonising (/dev/null)");
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(null, descriptor) < 0) return system_error("Error whilst daemonising (/dev/null)");
  }
  if (null > STDERR_FILENO) ::close(null);
  return {};
}

Result<PidFile> PidFile::open(const std::string& path, const std::optional<RunAs>& user) {
  if (path.empty()) return PidFile();
  net::Socket file = open_to_write(user, path, O_WRONLY | O_TRUNC, 0644);
  if (!file) return Error{"Error: Unable to write pid file."};
  return PidFile(path, std::move(file));
}

Result<void> PidFile::write() {
  if (path_.empty()) return {};
  const std::string text = std::to_string(::getpid());
  const ssize_t count = ::write(file_.descriptor(), text.data(), text.size());
  if (count == static_cast<ssize_t>(text.size())) return {};
  return Error{"Error: Unable to write pid file."};
}

PidFile::PidFile(PidFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)) {}

PidFile& PidFile::operator=(PidFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  return *this;
}

PidFile::~PidFile() {
  if (path_.empty() || ::unlink(path_.c_str()) == 0) return;
  // Whoever reads it must not take a later process for the broker.
  [[maybe_unused]] const int done = ::ftruncate(file_.descriptor(), 0);
}

}  // namespace tombo::server
