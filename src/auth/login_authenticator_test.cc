#include "auth/login_authenticator.h"

#include <cstdlib>
#include <fstream>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include "auth/test_scram_client.h"

namespace tombo::auth {
namespace {

using broker::AuthDecision;
using mqtt::Reason;

/// A broker of two listeners, the first with a scram_file in which `user` has the password
/// `pencil`.
class LoginAuthenticatorTest : public testing::Test {
 protected:
  LoginAuthenticatorTest() {
    ::close(::mkstemp(path.data()));
    write("user", "pencil");
    settings.listeners.resize(2);
    settings.per_listener_settings = true;
    settings.listeners[0].scram_file = path;
  }

  ~LoginAuthenticatorTest() override { ::unlink(path.c_str()); }

  void write(const std::string& user, std::string_view password) const {
    std::ofstream(path) << user << ":" << *make_scram_keys(password, kScramIterationsMin) << "\n";
  }

  std::shared_ptr<const Logins> logins() {
    auto loaded = load_logins(std::make_shared<const config::Config>(settings));
    EXPECT_TRUE(loaded);
    return *loaded;
  }

  static AuthDecision say(broker::AuthExchange& exchange, std::string_view text) {
    return exchange.next(as_bytes(text));
  }

  /// The keys as a client gets to know them.
  static ScramKeys keys_of(std::string_view challenge, const ScramFile& file) {
    EXPECT_TRUE(challenge.ends_with(",i=4096"));
    return file.find("user");
  }

  std::string path = testing::TempDir() + "tombo-scram-XXXXXX";
  config::Config settings;
  HashPool pool{1, [](broker::ShardId, std::unique_ptr<broker::mail::AuthDecided>) {}};
  TestScramClient client{"pencil"};
};

TEST_F(LoginAuthenticatorTest, offers_scram_where_a_listener_has_a_file) {
  LoginAuthenticator authenticator(pool, logins());
  EXPECT_NE(authenticator.begin("SCRAM-SHA-256", 0), nullptr);
  EXPECT_EQ(authenticator.begin("SCRAM-SHA-256", 1), nullptr);
  EXPECT_EQ(authenticator.begin("SCRAM-SHA-1", 0), nullptr);
  EXPECT_EQ(authenticator.begin("", 0), nullptr);
}

TEST_F(LoginAuthenticatorTest, goes_through_an_exchange) {
  const auto files = logins();
  LoginAuthenticator authenticator(pool, files);
  const auto exchange = authenticator.begin("SCRAM-SHA-256", 0);
  const AuthDecision challenge = say(*exchange, client.first());
  EXPECT_EQ(challenge.reason, Reason::continue_authentication);
  const ScramKeys keys = keys_of(challenge.data, *files->scram_files[0]);
  const AuthDecision decision = say(*exchange, client.final(challenge.data, keys));
  EXPECT_EQ(decision.reason, Reason::success);
  EXPECT_EQ(exchange->user_name(), "user");
  EXPECT_TRUE(decision.data.starts_with("v="));
}

TEST_F(LoginAuthenticatorTest, has_a_new_nonce_every_time) {
  LoginAuthenticator authenticator(pool, logins());
  const AuthDecision one = say(*authenticator.begin("SCRAM-SHA-256", 0), client.first());
  const AuthDecision other = say(*authenticator.begin("SCRAM-SHA-256", 0), client.first());
  const auto nonce = [](const AuthDecision& decision) {
    return decision.data.substr(0, decision.data.find(','));
  };
  EXPECT_EQ(nonce(one).size(), std::string("r=client").size() + 24);
  EXPECT_NE(nonce(one), nonce(other));
}

TEST_F(LoginAuthenticatorTest, refuses_unknown_users_at_the_end_and_malformed_words_at_once) {
  const auto files = logins();
  LoginAuthenticator authenticator(pool, files);
  const auto exchange = authenticator.begin("SCRAM-SHA-256", 0);
  client.first_bare = "n=eve,r=client";
  const AuthDecision challenge = say(*exchange, client.first());
  EXPECT_EQ(challenge.reason, Reason::continue_authentication);
  const ScramKeys keys = files->scram_files[0]->find("eve");
  const AuthDecision decision = say(*exchange, client.final(challenge.data, keys));
  EXPECT_EQ(decision.reason, Reason::not_authorized);
  EXPECT_EQ(decision.reason_string, kLoginRefused);
  EXPECT_EQ(decision.log_text, "scram_file " + path + ": there is no user 'eve'");
  EXPECT_EQ(say(*authenticator.begin("SCRAM-SHA-256", 0), "hello").reason, Reason::protocol_error);
}

TEST_F(LoginAuthenticatorTest, asks_a_client_that_says_nothing_to_begin_once) {
  LoginAuthenticator authenticator(pool, logins());
  const auto exchange = authenticator.begin("SCRAM-SHA-256", 0);
  EXPECT_EQ(say(*exchange, "").reason, Reason::continue_authentication);
  EXPECT_EQ(say(*exchange, "").reason, Reason::protocol_error);
}

TEST_F(LoginAuthenticatorTest, begins_with_the_file_of_the_last_reload) {
  LoginAuthenticator authenticator(pool, logins());
  const auto before = authenticator.begin("SCRAM-SHA-256", 0);
  settings.listeners[0].scram_file.clear();
  authenticator.set_logins(logins());
  EXPECT_EQ(authenticator.begin("SCRAM-SHA-256", 0), nullptr);
  EXPECT_EQ(say(*before, client.first()).reason, Reason::continue_authentication);
}

TEST_F(LoginAuthenticatorTest, lets_nobody_claim_a_name_that_is_for_scram) {
  settings.listeners[0].allow_anonymous = true;
  settings.listeners[1].allow_anonymous = true;
  LoginAuthenticator authenticator(pool, logins());
  broker::ConnectInfo info{};
  EXPECT_EQ(authenticator.authenticate(info, {}, {})->reason, Reason::success);
  info.user_name = "user";
  EXPECT_EQ(authenticator.authenticate(info, {}, {})->reason, Reason::not_authorized);
  info.listener = 1;
  EXPECT_EQ(authenticator.authenticate(info, {}, {})->reason, Reason::success);
}

TEST_F(LoginAuthenticatorTest, needs_no_file_of_a_listener_that_is_closed) {
  ::unlink(path.c_str());
  settings.listeners[0].closed = true;
  LoginAuthenticator authenticator(pool, logins());
  EXPECT_EQ(authenticator.begin("SCRAM-SHA-256", 0), nullptr);
}

TEST_F(LoginAuthenticatorTest, names_a_file_that_cannot_be_used) {
  std::ofstream(path) << "user:secret\n";
  const auto loaded = load_logins(std::make_shared<const config::Config>(settings));
  ASSERT_FALSE(loaded);
  EXPECT_TRUE(loaded.error().text.starts_with("Error: Invalid line in scram file " + path + ":1:"));
}

}  // namespace
}  // namespace tombo::auth
