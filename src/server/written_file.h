#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

#include "net/socket.h"
#include "server/privileges.h"

namespace tombo::server {

/// Opens a file that the broker writes, with `flags` for open(2), and makes it with `mode` if it is
/// not there. Without an owner: errno says why.
///
/// With a user: while the process is still root's. The file is opened with the rights of that user,
/// so that nobody who controls a folder of his can make root write elsewhere. Only where he may
/// not, in a folder of root's such as /run, it is done as root, and a file that is new is given to
/// the user. Requires: no other thread runs yet.
net::Socket open_to_write(const std::optional<RunAs>& user, const std::string& path, int flags,
                          mode_t mode);

}  // namespace tombo::server
