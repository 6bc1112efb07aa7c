#include "auth/login_authenticator.h"

#include <string>
#include <utility>

#include <openssl/rand.h>

#include "auth/scram.h"
#include "auth/scram_file.h"
#include "base/base64.h"
#include "base/check.h"

namespace tombo::auth {
namespace {

using broker::AuthDecision;
using mqtt::Reason;

constexpr size_t kNonceBytes = 18;

std::string random_nonce() {
  std::string bytes(kNonceBytes, '\0');
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), int{kNonceBytes}) == 1);
  return to_base64(bytes, Padding::none);
}

/// SCRAM-SHA-256 with one client. It is proved by the file of the time when it began.
class ScramExchange final : public broker::AuthExchange {
 public:
  explicit ScramExchange(std::shared_ptr<const ScramFile> file)
      : file_(std::move(file)), server_(random_nonce()) {}

  [[nodiscard]] std::string_view user_name() const override { return server_.user(); }

  AuthDecision next(Bytes data) override {
    if (awaits_final_) return finish(server_.on_final(as_text(data)));
    // The client speaks first in SCRAM. One that said nothing so far is asked to, once.
    if (data.empty() && !std::exchange(was_asked_, true)) {
      return {Reason::continue_authentication, {}};
    }
    const ScramAnswer answer = server_.on_first(as_text(data));
    if (answer.reason != Reason::success) return {answer.reason, answer.text};
    awaits_final_ = true;
    return {Reason::continue_authentication, {}, server_.challenge(file_->find(server_.user()))};
  }

 private:
  [[nodiscard]] AuthDecision finish(ScramAnswer answer) const {
    if (answer.reason == Reason::success) return {Reason::success, {}, std::move(answer.text)};
    // Nobody learns which users there are.
    if (answer.reason == Reason::not_authorized) {
      return {answer.reason, std::string(kLoginRefused), {}, file_->why_refused(server_.user())};
    }
    return {answer.reason, std::move(answer.text)};
  }

  std::shared_ptr<const ScramFile> file_;
  ScramServer server_;
  bool was_asked_ = false;
  bool awaits_final_ = false;
};

}  // namespace

LoginAuthenticator::LoginAuthenticator(HashPool& pool, std::shared_ptr<const Logins> logins)
    : logins_(std::move(logins)), passwords_(pool, logins_) {}

void LoginAuthenticator::set_logins(std::shared_ptr<const Logins> logins) {
  logins_ = std::move(logins);
  passwords_.set_logins(logins_);
}

std::optional<AuthDecision> LoginAuthenticator::authenticate(const broker::ConnectInfo& info,
                                                             broker::ShardId shard,
                                                             broker::ConnectionId connection) {
  CHECK(info.listener < logins_->files.size());
  // allow_anonymous would let in whoever claims to be one of the users of the scram_file.
  if (info.user_name && logins_->files[info.listener] == nullptr &&
      logins_->scram_files[info.listener] != nullptr) {
    return AuthDecision{Reason::not_authorized, "users of this listener log in by SCRAM-SHA-256"};
  }
  return passwords_.authenticate(info, shard, connection);
}

std::unique_ptr<broker::AuthExchange> LoginAuthenticator::begin(std::string_view method,
                                                                uint16_t listener) {
  CHECK(listener < logins_->scram_files.size());
  const std::shared_ptr<const ScramFile>& file = logins_->scram_files[listener];
  if (method != kScramMethod || file == nullptr) return nullptr;
  return std::make_unique<ScramExchange>(file);
}

}  // namespace tombo::auth
