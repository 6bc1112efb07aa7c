#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "broker/ids.h"
#include "mqtt/reason.h"

namespace tombo::broker {

/// Who wants in; views that live as long as the call.
struct ConnectInfo {
  std::string_view client_id;
  std::optional<std::string_view> user_name;
  std::optional<Bytes> password;
  std::string_view address;
  uint16_t listener = 0;
};

/// The answer, at once or later as mail.
struct AuthDecision {
  mqtt::Reason reason = mqtt::Reason::success;
  std::string reason_string;
  std::string data{};  ///< of an exchange: Authentication Data for the client
  /// Of a refusal: what the log says instead of reason_string, for it may say more, but no secrets.
  std::string log_text{};
};

/// One enhanced authentication of one client (section 4.12) and what was said in it so far. Owned
/// by the connection, so that it ends with it. Its home is the connection's shard.
class AuthExchange {
 public:
  AuthExchange() = default;
  AuthExchange(const AuthExchange&) = delete;
  AuthExchange& operator=(const AuthExchange&) = delete;
  virtual ~AuthExchange() = default;
  /// The client speaks; empty data: it only wants to begin. Answers at once, computing little.
  /// With continue_authentication it is the client's turn again, else the exchange is over.
  virtual AuthDecision next(Bytes data) = 0;
  /// Who the client says it is; empty as long as it has not said so. Proved when next() succeeds.
  [[nodiscard]] virtual std::string_view user_name() const = 0;
};

/// Where nothing but allow_anonymous, which is false, decides.
inline AuthDecision refusal_without_password_file(bool has_user_name) {
  if (has_user_name) {
    return {.reason = mqtt::Reason::not_authorized,
            .reason_string = "no password_file to check the login with",
            .data = {},
            .log_text = "no password_file to check the login with, and allow_anonymous is false"};
  }
  return {.reason = mqtt::Reason::not_authorized,
          .reason_string = "anonymous clients are not allowed",
          .data = {},
          .log_text =
              "anonymous clients are not allowed: allow_anonymous is false, as by default "
              "with a listener"};
}

/// Decides logins. Called on shards, so it never blocks: what takes time answers by mail.
/// No authenticator at all: allow_anonymous and nothing else decides.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// By user name and password. nullopt: the decision follows as AuthDecided mail to shard `shard`,
  /// for `connection`.
  virtual std::optional<AuthDecision> authenticate(const ConnectInfo& info, ShardId shard,
                                                   ConnectionId connection) = 0;
  /// By an Authentication Method. Null: clients of this listener are not offered that one.
  virtual std::unique_ptr<AuthExchange> begin(std::string_view method, uint16_t listener) = 0;
};

}  // namespace tombo::broker
