#include "server/privileges.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/core.h>

namespace tombo::server {
namespace {

constexpr std::string_view kDefaultUser = "mosquitto";
constexpr const char* kFallbackUser = "nobody";
constexpr uint32_t kUmaskMax = 0777;

Error system_error(std::string_view what) {
  return Error{fmt::format("{}: {}.", what, std::strerror(errno))};
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// A number in a variable of the environment; nullopt: not set.
Result<std::optional<uint32_t>> number_in(std::string_view name, std::string_view text, int base) {
  if (text.empty()) return std::optional<uint32_t>();
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error == std::errc() && end == text.data() + text.size()) return std::optional(number);
  return Error{fmt::format("Error: {} is not a number: \"{}\".", name, text)};
}

/// PUID or PGID: 0 is as if it were not set.
Result<std::optional<uint32_t>> id_in(std::string_view name, std::string_view text) {
  Result<std::optional<uint32_t>> number = number_in(name, text, 10);
  if (number && number->value_or(0) == 0) return std::optional<uint32_t>();
  return number;
}

/// The entry of `user`, or of nobody in place of mosquitto.
Result<RunAs> find_user(const std::string& user, std::vector<config::Notice>& notices) {
  const passwd* found = ::getpwnam(user.c_str());
  if (found == nullptr && user != kDefaultUser) {
    return Error{fmt::format(
        "Error: Unable to drop privileges to '{}' because this user does not exist.", user)};
  }
  if (found == nullptr) {
    notices.push_back({LogType::warning,
                       fmt::format("Warning: Unable to drop privileges to '{}' because this user "
                                   "does not exist. Trying '{}' instead.",
                                   user, kFallbackUser)});
    found = ::getpwnam(kFallbackUser);
  }
  if (found != nullptr) return RunAs{found->pw_uid, found->pw_gid, found->pw_name, true};
  return Error{fmt::format("Error: Unable to drop privileges to '{}'.", kFallbackUser)};
}

/// Sets that limit what could be regained go first, for that takes a capability.
void empty_bounding_set() {
  for (unsigned long number = 0; ::prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; ++number) {
    // A container may keep us from it; then there is nothing to gain either.
    ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
  }
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
}

using Capabilities = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

/// Sets all capabilities of this thread to none and looks whether it is so.
bool clear_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  Capabilities none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) return false;
  Capabilities left{};
  if (::syscall(SYS_capget, &header, left.data()) != 0) return false;
  for (const __user_cap_data_struct& half : left) {
    if (half.effective != 0 || half.permitted != 0 || half.inheritable != 0) return false;
  }
  return true;
}

/// Is every id that of `user`, and root out of reach?
bool is_for_good(const RunAs& user) {
  uid_t uid = 0;
  uid_t effective_uid = 0;
  uid_t saved_uid = 0;
  gid_t gid = 0;
  gid_t effective_gid = 0;
  gid_t saved_gid = 0;
  if (::getresuid(&uid, &effective_uid, &saved_uid) != 0) return false;
  if (::getresgid(&gid, &effective_gid, &saved_gid) != 0) return false;
  if (uid != user.uid || effective_uid != user.uid || saved_uid != user.uid) return false;
  if (gid != user.gid || effective_gid != user.gid || saved_gid != user.gid) return false;
  return user.uid == 0 || ::setuid(0) != 0;
}

}  // namespace

UserEnvironment read_user_environment() {
  return {.snap_name = variable("SNAP_NAME"),
          .puid = variable("PUID"),
          .pgid = variable("PGID"),
          .umask_set = variable("UMASK_SET")};
}

Result<std::optional<RunAs>> find_run_as(const config::Config& config,
                                         const UserEnvironment& environment,
                                         std::vector<config::Notice>& notices) {
  if (::geteuid() != 0) return std::optional<RunAs>();
  const bool in_snap = environment.snap_name == kDefaultUser;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  if (!config.is_v2_0() && !in_snap) {
    const auto puid = id_in("PUID", environment.puid);
    if (!puid) return puid.error();
    const auto pgid = id_in("PGID", environment.pgid);
    if (!pgid) return pgid.error();
    uid = *puid;
    gid = *pgid;
  }
  RunAs found{.uid = 0, .gid = 0, .name = "root", .has_entry = false};
  const bool named = !config.user.empty() && config.user != found.name && !in_snap;
  if (named && !(uid && gid)) {
    Result<RunAs> user = find_user(config.user, notices);
    if (!user) return user.error();
    found = *user;
  }
  if (uid || gid) {
    found.uid = uid.value_or(found.uid);
    found.gid = gid.value_or(found.gid);
    found.name = fmt::format("{}:{}", found.uid, found.gid);
    found.has_entry = false;
  }
  if (found.uid == 0 || found.gid == 0) {
    notices.push_back(
        {LogType::warning, "Warning: Mosquitto should not be run as root/administrator."});
  }
  if (found.uid == 0) return std::optional<RunAs>();
  if (!config.is_v2_0()) {
    notices.push_back(
        {LogType::info, fmt::format("Info: running mosquitto as user: {}.", found.name)});
  }
  return std::optional(std::move(found));
}

bool set_groups(const RunAs& user) {
  const int done =
      user.has_entry ? ::initgroups(user.name.c_str(), user.gid) : ::setgroups(1, &user.gid);
  return done == 0;
}

Result<void> become(const RunAs& user) {
  empty_bounding_set();
  if (!set_groups(user)) return system_error("Error setting groups whilst dropping privileges");
  if (::setgid(user.gid) != 0) {
    return system_error("Error setting gid whilst dropping privileges");
  }
  if (::setuid(user.uid) != 0) {
    return system_error("Error setting uid whilst dropping privileges");
  }
  if (clear_capabilities() && is_for_good(user)) return {};
  return Error{"Error: Privileges are left after dropping them."};
}

void forbid_new_privileges() {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

std::string own_user_name() {
  const passwd* found = ::getpwuid(::geteuid());
  return found != nullptr ? found->pw_name : std::to_string(::geteuid());
}

Result<void> apply_umask(const config::Config& config, const UserEnvironment& environment) {
  if (config.is_v2_0()) return {};
  const auto mask = number_in("UMASK_SET", environment.umask_set, 8);
  if (!mask) return mask.error();
  if (*mask && **mask > kUmaskMax) {
    return Error{fmt::format("Error: UMASK_SET is not a mask: \"{}\".", environment.umask_set)};
  }
  if (*mask) ::umask(**mask);
  return {};
}

}  // namespace tombo::server
