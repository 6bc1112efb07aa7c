#include "server/setup.h"

#include <utility>

#include "auth/access_control.h"
#include "server/secret_files.h"

namespace tombo::server {

Result<Setup> load_setup(std::shared_ptr<const config::Config> config, Passphrases& passphrases,
                         const std::shared_ptr<const broker::Authorizer>& rights_before) {
  Setup setup{
      .config = std::move(config), .logins = {}, .authorizer = {}, .tls = {}, .notices = {}};
  Result<std::vector<config::Notice>> secrets = check_secret_files(*setup.config);
  if (!secrets) return secrets.error();
  setup.notices = std::move(*secrets);
  Result<std::shared_ptr<const auth::Logins>> logins = auth::load_logins(setup.config);
  if (!logins) return logins.error();
  setup.logins = std::move(*logins);
  for (const std::string& warning : setup.logins->warnings) {
    setup.notices.push_back({LogType::warning, warning});
  }
  Result<std::shared_ptr<const broker::Authorizer>> authorizer =
      auth::load_access_control(*setup.config, auth::read_acl_file, rights_before);
  if (!authorizer) return authorizer.error();
  setup.authorizer = std::move(*authorizer);
  Result<TlsContexts> tls = make_tls_contexts(*setup.config, passphrases);
  if (!tls) return tls.error();
  setup.tls = std::move(*tls);
  return setup;
}

Result<Setup> load_setup(std::shared_ptr<const config::Config> config) {
  Passphrases none;
  none.stop_asking();
  return load_setup(std::move(config), none);
}

}  // namespace tombo::server
