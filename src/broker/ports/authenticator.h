#pragma once

#include <cstdint>
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
  std::string_view authentication_method;  ///< empty: none
  Bytes authentication_data;
};

/// The answer, at once or later as mail.
struct AuthDecision {
  mqtt::Reason reason = mqtt::Reason::success;  ///< continue_authentication asks for AUTH
  std::string reason_string;
  std::string data;  ///< Authentication Data for the client
  /// Of a refusal: what the log says instead of reason_string, for it may say more, but no secrets.
  std::string log_text{};
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
  /// nullopt: the decision follows as AuthDecided mail to shard `shard`, for `connection`.
  virtual std::optional<AuthDecision> authenticate(const ConnectInfo& info, ShardId shard,
                                                   ConnectionId connection) = 0;
  /// The next step of an enhanced authentication (section 4.12).
  virtual std::optional<AuthDecision> continue_authentication(Bytes data, ShardId shard,
                                                              ConnectionId connection) = 0;
  /// Is this Authentication Method configured? If not, CONNECT is refused with 0x8C.
  [[nodiscard]] virtual bool knows_method(std::string_view method) const = 0;
};

}  // namespace tombo::broker
