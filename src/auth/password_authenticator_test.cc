#include "auth/password_authenticator.h"

#include <cstdlib>
#include <fstream>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include "base/sync/work_queue.h"

namespace tombo::auth {
namespace {

using mqtt::Reason;

// Made by mosquitto_passwd of Debian 12; the password is `p`.
const std::string kHash =
    "$7$5$L+BwoiDt+x1FZol9$i5U4rF8mOupT8jC3d0rbcBWuJ6ZxaotfWCV1drv6rKbs6gMCXZxOjC7IuRWk5d88CBri"
    "VS513bo9lTyOd7nAQA==";

/// One shard with its authenticator; answers of the pool are waited for.
class PasswordAuthenticatorTest : public testing::Test {
 protected:
  PasswordAuthenticatorTest() {
    ::close(::mkstemp(path.data()));
    std::ofstream(path) << "anna:" << kHash << "\n";
    settings.listeners.resize(2);
    settings.password_file = path;
  }

  ~PasswordAuthenticatorTest() override { ::unlink(path.c_str()); }

  std::shared_ptr<const Logins> logins() {
    Result<std::shared_ptr<const Logins>> loaded =
        load_logins(std::make_shared<const config::Config>(settings));
    EXPECT_TRUE(loaded);
    return *loaded;
  }

  std::optional<broker::AuthDecision> ask(PasswordAuthenticator& authenticator,
                                          std::optional<std::string_view> user,
                                          std::optional<std::string_view> password,
                                          uint16_t listener = 0) {
    broker::ConnectInfo info{};
    info.user_name = user;
    if (password) info.password = as_bytes(*password);
    info.listener = listener;
    return authenticator.authenticate(info, broker::ShardId(3), kConnection);
  }

  /// The next answer of the pool, which is waited for.
  Reason answer() { return answers.pop().value(); }

  static constexpr broker::ConnectionId kConnection{};
  std::string path = testing::TempDir() + "tombo-logins-XXXXXX";
  config::Config settings;
  WorkQueue<Reason> answers{16, 16};
  HashPool pool{2, [this](broker::ShardId shard, std::unique_ptr<broker::mail::AuthDecided> mail) {
                  EXPECT_EQ(shard, broker::ShardId(3));
                  EXPECT_EQ(mail->connection, kConnection);
                  EXPECT_TRUE(answers.try_push(mail->decision.reason, 1));
                }};
};

TEST_F(PasswordAuthenticatorTest, answers_from_the_pool) {
  PasswordAuthenticator authenticator(pool, logins());
  pool.start();
  EXPECT_FALSE(ask(authenticator, "anna", "p"));
  EXPECT_EQ(answer(), Reason::success);
  EXPECT_FALSE(ask(authenticator, "anna", "q"));
  EXPECT_EQ(answer(), Reason::not_authorized);
  EXPECT_FALSE(ask(authenticator, "eve", "p", 1));
  EXPECT_EQ(answer(), Reason::not_authorized);
}

TEST_F(PasswordAuthenticatorTest, refuses_at_once_without_user_or_password) {
  PasswordAuthenticator authenticator(pool, logins());
  EXPECT_EQ(ask(authenticator, std::nullopt, "p")->reason, Reason::not_authorized);
  EXPECT_EQ(ask(authenticator, "anna", std::nullopt)->reason, Reason::not_authorized);
  EXPECT_EQ(ask(authenticator, "anna", "")->reason, Reason::not_authorized);
}

TEST_F(PasswordAuthenticatorTest, lets_anonymous_clients_in_beside_a_password_file) {
  settings.allow_anonymous = true;
  PasswordAuthenticator authenticator(pool, logins());
  EXPECT_EQ(ask(authenticator, std::nullopt, std::nullopt)->reason, Reason::success);
  EXPECT_EQ(ask(authenticator, "anna", std::nullopt)->reason, Reason::not_authorized);
}

TEST_F(PasswordAuthenticatorTest, without_a_file_takes_users_where_anonymous_clients_may_come) {
  settings.password_file.clear();
  PasswordAuthenticator closed(pool, logins());
  EXPECT_EQ(ask(closed, "anna", "p")->reason, Reason::not_authorized);
  settings.allow_anonymous = true;
  PasswordAuthenticator open(pool, logins());
  EXPECT_EQ(ask(open, "anna", "p")->reason, Reason::success);
}

TEST_F(PasswordAuthenticatorTest, uses_the_file_of_the_listener) {
  settings.per_listener_settings = true;
  settings.listeners[1].password_file = path;
  settings.listeners[0].listener_allow_anonymous = true;
  PasswordAuthenticator authenticator(pool, logins());
  EXPECT_EQ(ask(authenticator, std::nullopt, std::nullopt, 0)->reason, Reason::success);
  EXPECT_EQ(ask(authenticator, std::nullopt, std::nullopt, 1)->reason, Reason::not_authorized);
  pool.start();
  EXPECT_FALSE(ask(authenticator, "anna", "p", 1));
  EXPECT_EQ(answer(), Reason::success);
}

TEST_F(PasswordAuthenticatorTest, decides_by_the_file_of_the_last_reload) {
  PasswordAuthenticator authenticator(pool, logins());
  EXPECT_FALSE(ask(authenticator, "anna", "p"));
  std::ofstream(path) << "bob:" << kHash << "\n";
  authenticator.set_logins(logins());
  pool.start();
  EXPECT_EQ(answer(), Reason::success);  // Asked before.
  EXPECT_FALSE(ask(authenticator, "anna", "p"));
  EXPECT_EQ(answer(), Reason::not_authorized);
  EXPECT_FALSE(ask(authenticator, "bob", "p"));
  EXPECT_EQ(answer(), Reason::success);
}

TEST_F(PasswordAuthenticatorTest, is_busy_when_too_many_wait) {
  PasswordAuthenticator authenticator(pool, logins());
  for (size_t i = 0; i < HashPool::kJobsMax; ++i) ASSERT_FALSE(ask(authenticator, "anna", "p"));
  EXPECT_EQ(ask(authenticator, "anna", "p")->reason, Reason::server_busy);
}

TEST_F(PasswordAuthenticatorTest, is_busy_when_what_waits_is_too_large) {
  PasswordAuthenticator authenticator(pool, logins());
  const std::string large(65'535, 'x');
  size_t waiting = 0;
  while (!ask(authenticator, "anna", large)) ++waiting;
  EXPECT_EQ(waiting, HashPool::kBytesMax / (large.size() + 4));
}

TEST_F(PasswordAuthenticatorTest, names_a_file_that_cannot_be_used) {
  std::ofstream(path) << "anna:secret\n";
  const auto loaded = load_logins(std::make_shared<const config::Config>(settings));
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().text.find(path + ":1: "), std::string::npos);
}

}  // namespace
}  // namespace tombo::auth
