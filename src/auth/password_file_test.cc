#include "auth/password_file.h"

#include <cstdlib>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>

namespace tombo::auth {
namespace {

// Made by mosquitto_passwd of Debian 12; the password is `p`.
const std::string kHash =
    "$7$5$L+BwoiDt+x1FZol9$i5U4rF8mOupT8jC3d0rbcBWuJ6ZxaotfWCV1drv6rKbs6gMCXZxOjC7IuRWk5d88CBri"
    "VS513bo9lTyOd7nAQA==";
// The password is `pass word`.
const std::string kOther =
    "$6$9Wu7SViCDIH19oS4$KvizjUfVVMA+Iu1uvYtcYLuqnVNoUtBgljolXAiKWXIfNDvZ0TaTQguLnHXIGlcZ0fueTl"
    "8eRUNtU0xtzfDzjw==";

PasswordFile file_of(const std::string& text) {
  Result<PasswordFile> file = PasswordFile::parse(text, "pw", BadLines::refuse);
  EXPECT_TRUE(file) << file.error().text;
  return *file;
}

std::string error_of(const std::string& text) {
  const Result<PasswordFile> file = PasswordFile::parse(text, "pw", BadLines::refuse);
  return file ? std::string() : file.error().text;
}

TEST(PasswordFile, knows_its_users) {
  const PasswordFile file = file_of("anna:" + kHash + "\nbob:" + kOther + "\n");
  EXPECT_EQ(file.size(), 2U);
  EXPECT_TRUE(file.check("anna", "p"));
  EXPECT_TRUE(file.check("bob", "pass word"));
  EXPECT_FALSE(file.check("anna", "pass word"));
  EXPECT_FALSE(file.check("bob", "p"));
}

TEST(PasswordFile, refuses_an_unknown_user_with_the_password_of_a_known_one) {
  const PasswordFile file = file_of("anna:" + kHash + "\n");
  EXPECT_FALSE(file.check("eve", "p"));
  EXPECT_FALSE(file.check("", "p"));
  EXPECT_FALSE(file_of("").check("eve", "p"));
}

TEST(PasswordFile, skips_comments_empty_lines_and_blanks_at_the_end) {
  const PasswordFile file = file_of("# a:b\n\n  \r\nanna:" + kHash + " \t\r\nbob:" + kOther);
  EXPECT_EQ(file.size(), 2U);
  EXPECT_TRUE(file.check("anna", "p"));
}

TEST(PasswordFile, takes_the_first_of_two_lines_of_a_user) {
  const PasswordFile file = file_of("anna:" + kHash + "\nanna:" + kOther + "\n");
  EXPECT_TRUE(file.check("anna", "p"));
  EXPECT_FALSE(file.check("anna", "pass word"));
}

TEST(PasswordFile, names_the_line_that_is_wrong_and_does_not_quote_it) {
  const std::string before = "# comment\nanna:" + kHash + "\n";
  for (const std::string& line : {std::string("secret"), std::string("bob:secret"), ":" + kHash,
                                  std::string("bob:"), "bob:x:" + kHash}) {
    const std::string error = error_of(before + line + "\n");
    const bool is_decoded = line == "secret" || line.front() == ':';
    EXPECT_TRUE(error.starts_with(is_decoded
                                      ? "Error: Invalid line in password file pw:3: "
                                      : "Error: Unable to decode line in password file pw:3: "))
        << error;
    EXPECT_EQ(error.find("secret"), std::string::npos) << error;
    EXPECT_EQ(error.find(kHash), std::string::npos) << error;
  }
}

TEST(PasswordFile, ends_the_program_as_mosquitto_2_1_when_a_line_is_wrong) {
  EXPECT_EQ(PasswordFile::parse("bob", "pw", BadLines::refuse).error().code, 3);
  EXPECT_EQ(PasswordFile::parse("bob:x", "pw", BadLines::refuse).error().code, 3);
}

TEST(PasswordFile, skips_bad_lines_when_told_and_says_which) {
  const std::string text = "secret\nanna:" + kHash + "\nbob:secret\nbob:" + kOther + "\n";
  const Result<PasswordFile> file = PasswordFile::parse(text, "pw", BadLines::skip);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), 2U);
  EXPECT_TRUE(file->check("anna", "p"));
  EXPECT_TRUE(file->check("bob", "pass word"));
  EXPECT_FALSE(file->check("bob", "secret"));
  EXPECT_EQ(file->warnings(),
            (std::vector<std::string>{
                "Warning: Invalid line in password file pw:1: no ':' behind the user name.",
                "Warning: Unable to decode line in password file pw:3: the password is not hashed "
                "as $6$, $7$ or $argon2id$v=19$."}));
}

TEST(PasswordFile, tells_so_many_skipped_lines_and_counts_the_rest) {
  std::string text;
  for (size_t i = 0; i < PasswordFile::kSkippedToldMax + 2; ++i) text += "x\n";
  const Result<PasswordFile> file = PasswordFile::parse(text, "pw", BadLines::skip);
  ASSERT_TRUE(file);
  ASSERT_EQ(file->warnings().size(), PasswordFile::kSkippedToldMax + 1);
  EXPECT_EQ(file->warnings().back(), "Warning: 2 more lines of that kind in password file pw.");
}

TEST(PasswordFile, takes_a_name_of_full_length_and_no_longer_one) {
  const std::string name(PasswordFile::kUserBytesMax, 'x');
  EXPECT_TRUE(file_of(name + ":" + kHash).check(name, "p"));
  EXPECT_NE(error_of(name + "x:" + kHash).find("pw:1: the user name is too long"),
            std::string::npos);
  EXPECT_NE(error_of(name + ":" + std::string(1024, 'x')).find("pw:1: too long"),
            std::string::npos);
}

class PasswordFileOnDisk : public testing::Test {
 protected:
  PasswordFileOnDisk() {
    std::string name = testing::TempDir() + "tombo-passwords-XXXXXX";
    ::close(::mkstemp(name.data()));
    path = name;
  }

  ~PasswordFileOnDisk() override { ::unlink(path.c_str()); }

  std::string path;
};

TEST(PasswordFile, says_in_the_log_which_part_of_a_login_was_wrong) {
  const Result<PasswordFile> file =
      PasswordFile::parse("anna:" + std::string(kHash) + "\n", "pw", BadLines::refuse);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->why_refused("anna"), "password_file pw: wrong password of user 'anna'");
  EXPECT_EQ(file->why_refused("bert"), "password_file pw: there is no user 'bert'");
}

TEST_F(PasswordFileOnDisk, is_read) {
  std::ofstream(path) << "anna:" << kHash << "\n";
  const Result<PasswordFile> file = PasswordFile::load(path, BadLines::refuse);
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->check("anna", "p"));
}

TEST_F(PasswordFileOnDisk, has_a_largest_size) {
  std::ofstream(path) << "#\n";
  ASSERT_EQ(::truncate(path.c_str(), off_t{PasswordFile::kFileBytesMax} + 1), 0);
  const Result<PasswordFile> file = PasswordFile::load(path, BadLines::refuse);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().text.find("has more than 67108864 bytes"), std::string::npos);
}

TEST_F(PasswordFileOnDisk, that_cannot_be_read_fails_as_with_mosquitto) {
  for (const std::string& missing : {path + ".not", testing::TempDir()}) {
    const Result<PasswordFile> file = PasswordFile::load(missing, BadLines::refuse);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, 13);
    EXPECT_EQ(file.error().text, "Error: Unable to open pwfile \"" + missing +
                                     "\".\nError opening password file \"" + missing + "\".");
  }
}

}  // namespace
}  // namespace tombo::auth
