#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "config/draft.h"

namespace tombo::server {

/// A process that root starts opens its sockets and reads its keys as root and becomes somebody
/// else then, for good. Single-threaded start-up code, because threads that are there already would
/// keep capabilities of their own.

/// Variables of the environment that Mosquitto knows; empty: not set.
struct UserEnvironment {
  std::string snap_name{};  ///< SNAP_NAME: "mosquitto" in a snap, whose sandbox replaces the user.
  std::string puid{};  ///< PUID, PGID: numbers that win over the option user; 0: as if not set.
  std::string pgid{};  ///<     Both and UMASK_SET in generation 2.1 only.
  std::string umask_set{};  ///< UMASK_SET: octal.
};

UserEnvironment read_user_environment();

/// Whom to become.
struct RunAs {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;       ///< For the log.
  bool has_entry = true;  ///< In the user database, so there may be more groups.
};

/// Whom a process of root's goes on as; nullopt: nobody else, because it is not root's, `user` is
/// "root" or in a snap. "mosquitto" falls back to "nobody" where there is no such user. Appends
/// what is worth a line in the log.
Result<std::optional<RunAs>> find_run_as(const config::Config& config,
                                         const UserEnvironment& environment,
                                         std::vector<config::Notice>& notices);

/// The supplementary groups of `user` in place of those of the process; false: errno says why.
bool set_groups(const RunAs& user);

/// Becomes that user: ids, groups, no capability left in any set, no way back. Checks that it is
/// so. As after each change of ids, the kernel lets nobody but root look into the process then
/// (not dumpable), and keys may be in its memory.
Result<void> become(const RunAs& user);

/// No program that this process starts gets rights that it has not (PR_SET_NO_NEW_PRIVS).
void forbid_new_privileges();

/// The user that this process is, or the number where it has no name.
std::string own_user_name();

/// Applies UMASK_SET.
Result<void> apply_umask(const config::Config& config, const UserEnvironment& environment);

}  // namespace tombo::server
