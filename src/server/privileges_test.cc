#include "server/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace tombo::server {
namespace {

/// Whom root would become. What become() does is seen by tests/interop/test_privileges.py.
class FindRunAs : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "not root";
  }

  Result<std::optional<RunAs>> find() {
    notices.clear();
    return find_run_as(config, environment, notices);
  }

  config::Config config;
  UserEnvironment environment;
  std::vector<config::Notice> notices;
};

TEST_F(FindRunAs, is_the_user_of_the_configuration) {
  config.user = "nobody";
  const auto found = find();
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->name, "nobody");
  EXPECT_NE((*found)->uid, 0U);
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].text, "Info: running mosquitto as user: nobody.");
}

TEST_F(FindRunAs, is_nobody_else_for_root_and_in_a_snap) {
  config.user = "root";
  auto found = find();
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
  EXPECT_EQ(notices.size(), 1U);
  config.user = "nobody";
  environment.snap_name = "mosquitto";
  found = find();
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
}

TEST_F(FindRunAs, refuses_an_unknown_user) {
  config.user = "no-such-user";
  const auto found = find();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().text,
            "Error: Unable to drop privileges to 'no-such-user' because this user does not exist.");
}

TEST_F(FindRunAs, takes_numbers_of_the_environment_first) {
  config.user = "no-such-user";
  environment.puid = "1883";
  environment.pgid = "1884";
  const auto found = find();
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->uid, 1883U);
  EXPECT_EQ((*found)->gid, 1884U);
  EXPECT_EQ((*found)->name, "1883:1884");
}

TEST_F(FindRunAs, takes_a_number_alone_with_the_rest_of_the_user) {
  config.user = "nobody";
  environment.pgid = "1884";
  const auto found = find();
  ASSERT_TRUE(found && *found);
  EXPECT_NE((*found)->uid, 0U);
  EXPECT_EQ((*found)->gid, 1884U);
}

TEST_F(FindRunAs, ignores_zero_and_the_generation_that_does_not_know_them) {
  config.user = "nobody";
  environment.puid = environment.pgid = "0";
  EXPECT_EQ((**find()).name, "nobody");
  environment.puid = environment.pgid = "1883";
  config.compatibility = config::Compatibility::v2_0;
  EXPECT_EQ((**find()).name, "nobody");
}

TEST_F(FindRunAs, refuses_what_is_no_number) {
  for (const char* text : {"x", "1x", "-1", "4294967296", " 1"}) {
    environment.puid = text;
    const auto found = find();
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().text, "Error: PUID is not a number: \"" + std::string(text) + "\".");
  }
}

/// The exit status of a child of root's that becomes nobody and then does `deed`; 0: it could.
int status_of_nobody_who(int (*deed)()) {
  const pid_t child = ::fork();
  if (child == 0) {
    const passwd* nobody = ::getpwnam("nobody");
    const bool done =
        static_cast<bool>(become({.uid = nobody->pw_uid, .gid = nobody->pw_gid, .name = "nobody"}));
    ::_exit(done ? (deed() == 0 ? 0 : 1) : 2);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

TEST(Become, leaves_no_way_back) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root";
  EXPECT_EQ(status_of_nobody_who([] { return ::geteuid() == 0 ? 1 : 0; }), 0);
  EXPECT_EQ(status_of_nobody_who([] { return ::setuid(0); }), 1);
  EXPECT_EQ(status_of_nobody_who([] { return ::seteuid(0); }), 1);
  EXPECT_EQ(status_of_nobody_who([] { return ::setresuid(0, 0, 0); }), 1);
  EXPECT_EQ(status_of_nobody_who([] { return ::setgid(0); }), 1);
  EXPECT_EQ(status_of_nobody_who([] { return ::setgroups(0, nullptr); }), 1);
  EXPECT_EQ(status_of_nobody_who([] { return ::prctl(PR_GET_DUMPABLE) == 1 ? 0 : 1; }), 1);
}

TEST(ApplyUmask, takes_octal_numbers) {
  const mode_t before = ::umask(022);
  config::Config config;
  EXPECT_TRUE(apply_umask(config, {.umask_set = "0077"}));
  EXPECT_EQ(::umask(022), 077U);
  EXPECT_TRUE(apply_umask(config, {}));
  EXPECT_EQ(::umask(022), 022U);
  for (const char* text : {"8", "1000", "x"}) {
    EXPECT_FALSE(apply_umask(config, {.umask_set = text})) << text;
  }
  ::umask(before);
}

}  // namespace
}  // namespace tombo::server
