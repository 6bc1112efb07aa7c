#include "server/daemon.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string_view>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

namespace tombo::server {
namespace {

constexpr std::string_view kDefaultUser = "mosquitto";
constexpr const char* kFallbackUser = "nobody";

Error system_error(std::string_view what) {
  return Error{fmt::format("{}: {}.", what, std::strerror(errno))};
}

/// The user to become; null with an error or when there is none.
Result<const passwd*> find_user(const std::string& user, std::vector<config::Notice>& notices) {
  const passwd* found = ::getpwnam(user.c_str());
  if (found != nullptr) return found;
  if (user != kDefaultUser) {
    return Error{fmt::format(
        "Error: Unable to drop privileges to '{}' because this user does not exist.", user)};
  }
  notices.push_back(
      {LogType::warning, fmt::format("Warning: Unable to drop privileges to '{}' because this user "
                                     "does not exist. Trying '{}' instead.",
                                     user, kFallbackUser)});
  found = ::getpwnam(kFallbackUser);
  if (found != nullptr) return found;
  return Error{fmt::format("Error: Unable to drop privileges to '{}'.", kFallbackUser)};
}

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<void> drop_privileges(const config::Config& config, std::vector<config::Notice>& notices) {
  if (::geteuid() != 0) return {};
  const std::string& user = config.user;
  // In a snap the sandbox takes the place of the user.
  const char* snap = std::getenv("SNAP_NAME");
  const bool in_snap = snap != nullptr && std::string_view(snap) == kDefaultUser;
  if (!user.empty() && user != "root" && !in_snap) {
    const Result<const passwd*> found = find_user(user, notices);
    if (!found) return found.error();
    const passwd& entry = **found;
    if (::initgroups(entry.pw_name, entry.pw_gid) != 0) {
      return system_error("Error setting groups whilst dropping privileges");
    }
    if (::setgid(entry.pw_gid) != 0) {
      return system_error("Error setting gid whilst dropping privileges");
    }
    if (::setuid(entry.pw_uid) != 0) {
      return system_error("Error setting uid whilst dropping privileges");
    }
    if (!config.is_v2_0()) {
      notices.push_back(
          {LogType::info, fmt::format("Info: running mosquitto as user: {}.", entry.pw_name)});
    }
  }
  if (::geteuid() == 0 || ::getegid() == 0) {
    notices.push_back(
        {LogType::warning, "Warning: Mosquitto should not be run as root/administrator."});
  }
  return {};
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

Result<PidFile> PidFile::write(const std::string& path) {
  if (path.empty()) return PidFile();
  const std::string text = std::to_string(::getpid());
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return Error{"Error: Unable to write pid file."};
  const bool complete =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(file);
  PidFile result(path);
  if (!complete) return Error{"Error: Unable to write pid file."};
  return result;
}

PidFile::PidFile(PidFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}

PidFile& PidFile::operator=(PidFile&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

PidFile::~PidFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace tombo::server
