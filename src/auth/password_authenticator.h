#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/hash_pool.h"
#include "auth/password_file.h"
#include "auth/scram_file.h"
#include "base/result.h"
#include "broker/ports/authenticator.h"
#include "config/config.h"

namespace tombo::auth {

/// What decides logins: a configuration and the password files it names. Immutable, shared by
/// all shards; a reload makes new ones.
struct Logins {
  std::shared_ptr<const config::Config> config;
  std::vector<std::string> warnings;                          ///< Of files with lines left out.
  std::vector<std::shared_ptr<const PasswordFile>> files;     ///< By listener; null: none.
  std::vector<std::shared_ptr<const ScramFile>> scram_files;  ///< By listener; null: none.

  [[nodiscard]] bool need_passwords() const;
};

/// Reads the password and scram files of a configuration. The error is lines for the log.
Result<std::shared_ptr<const Logins>> load_logins(std::shared_ptr<const config::Config> config);

/// Decides by allow_anonymous and password_file, as Mosquitto does: without a user name the former
/// decides, with one the file of the listener, and without a file again the former.
/// Home: its shard.
class PasswordAuthenticator {
 public:
  PasswordAuthenticator(HashPool& pool, std::shared_ptr<const Logins> logins);

  /// New logins are decided by these; those that wait, by the ones of their time.
  void set_logins(std::shared_ptr<const Logins> logins);

  std::optional<broker::AuthDecision> authenticate(const broker::ConnectInfo& info,
                                                   broker::ShardId shard,
                                                   broker::ConnectionId connection);

 private:
  HashPool& pool_;
  std::shared_ptr<const Logins> logins_;
};

}  // namespace tombo::auth
