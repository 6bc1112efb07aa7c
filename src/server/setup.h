#pragma once

#include <memory>
#include <vector>

#include "auth/password_authenticator.h"
#include "base/result.h"
#include "broker/ports/authorizer.h"
#include "config/config.h"
#include "config/draft.h"
#include "server/tls_setup.h"

namespace tombo::server {

/// A configuration with what the files say that it names. Immutable; a reload makes a new one, and
/// when one file is not right, none.
struct Setup {
  std::shared_ptr<const config::Config> config;
  std::shared_ptr<const auth::Logins> logins;            ///< password_file, scram_file
  std::shared_ptr<const broker::Authorizer> authorizer;  ///< acl_file; null: everything is allowed
  TlsContexts tls;                                       ///< certificates and keys
  std::vector<config::Notice> notices;                   ///< what to log about the files
};

/// Reads the files. The error is that of the first one that is not right, in lines for the log.
/// Keys that need a passphrase get it from `passphrases`; `rights_before` are those of the setup
/// that the new one follows, for closed listeners.
Result<Setup> load_setup(std::shared_ptr<const config::Config> config, Passphrases& passphrases,
                         const std::shared_ptr<const broker::Authorizer>& rights_before = {});

/// The same, when no key can need one.
Result<Setup> load_setup(std::shared_ptr<const config::Config> config);

}  // namespace tombo::server
