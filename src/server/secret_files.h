#pragma once

#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "config/draft.h"

namespace tombo::server {

/// Looks at the files that hold secrets: password_file, scram_file, psk_file and keyfile. Warns of
/// those that everybody on the machine can read or write. As Mosquitto 2.1, `compatibility 2.1`
/// refuses a password_file, scram_file or psk_file that is a symbolic link, unless the environment
/// has MOSQUITTO_UNSAFE_ALLOW_SYMLINKS; a keyfile may be one, for Let's Encrypt makes it so.
/// Missing files are left to who reads them.
Result<std::vector<config::Notice>> check_secret_files(const config::Config& config);

}  // namespace tombo::server
