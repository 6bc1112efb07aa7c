#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "auth/password_authenticator.h"
#include "broker/ports/authenticator.h"

namespace tombo::auth {

/// All that a shard asks about logins: user names with passwords go to a PasswordAuthenticator,
/// the method SCRAM-SHA-256 is served where a listener has a scram_file.
/// Home: its shard.
class LoginAuthenticator final : public broker::Authenticator {
 public:
  LoginAuthenticator(HashPool& pool, std::shared_ptr<const Logins> logins);

  /// New logins are decided by these; those under way, by the ones of their time.
  void set_logins(std::shared_ptr<const Logins> logins);

  std::optional<broker::AuthDecision> authenticate(const broker::ConnectInfo& info,
                                                   broker::ShardId shard,
                                                   broker::ConnectionId connection) override;
  std::unique_ptr<broker::AuthExchange> begin(std::string_view method, uint16_t listener) override;

 private:
  std::shared_ptr<const Logins> logins_;
  PasswordAuthenticator passwords_;
};

}  // namespace tombo::auth
