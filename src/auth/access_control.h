#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "broker/ports/authorizer.h"
#include "config/config.h"

namespace tombo::auth {

/// Gives the text of an acl_file.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

/// Reads from disk.
Result<std::string> read_acl_file(const std::string& path);

using SharedAuthorizer = std::shared_ptr<const broker::Authorizer>;

/// The acl_files of the configuration, each read once, as what the broker asks. Null when no
/// listener has one: everything is allowed then. A closed listener with rules of its own keeps
/// those that it has in `before`, which an earlier call gave: its file may be gone.
Result<SharedAuthorizer> load_access_control(const config::Config& config, const ReadFile& read,
                                             const SharedAuthorizer& before = {});

}  // namespace tombo::auth
