#include "auth/scram_file.h"

#include <cstdlib>
#include <fstream>
#include <set>
#include <unistd.h>

#include <gtest/gtest.h>

namespace tombo::auth {
namespace {

// Made by PostgreSQL 15's recipe in Python's hashlib; the password is `pencil`.
const std::string kKeys =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPL"
    "wcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

ScramFile file_of(const std::string& text, std::string_view secret = "secret") {
  Result<ScramFile> file = ScramFile::parse(text, "keys", secret);
  EXPECT_TRUE(file) << file.error().text;
  return *file;
}

std::string error_of(const std::string& text) {
  const Result<ScramFile> file = ScramFile::parse(text, "keys", "secret");
  if (file) return {};
  EXPECT_EQ(file.error().code, 3);
  return file.error().text;
}

TEST(ScramFile, knows_its_users) {
  const ScramFile file = file_of("# comment\n\nanna:" + kKeys + " \r\nbob:" + kKeys);
  EXPECT_EQ(file.size(), 2U);
  const ScramKeys keys = file.find("anna");
  EXPECT_EQ(keys, derive_scram_keys("pencil", keys.salt, 4096));
  EXPECT_EQ(to_text(keys), kKeys);
}

TEST(ScramFile, takes_the_first_of_two_lines_of_a_user) {
  const ScramKeys other = derive_scram_keys("other", "0123456789abcdef", 5000);
  const ScramFile file = file_of("anna:" + kKeys + "\nanna:" + to_text(other) + "\n");
  EXPECT_EQ(file.size(), 1U);
  EXPECT_EQ(file.find("anna").iterations, 4096U);
}

TEST(ScramFile, invents_the_same_keys_for_an_unknown_user_every_time) {
  const ScramFile file = file_of("anna:" + kKeys + "\n");
  EXPECT_EQ(file.find("eve"), file.find("eve"));
  // Also behind a reload.
  EXPECT_EQ(file.find("eve"), file_of("bob:" + kKeys + "\n").find("eve"));
  EXPECT_NE(file.find("eve").salt, file.find("adam").salt);
  EXPECT_NE(file.find("eve").salt, file_of("anna:" + kKeys, "other").find("eve").salt);
}

TEST(ScramFile, invents_by_the_secret_in_the_file) {
  const std::string secret = *make_scram_secret_line();
  const ScramKeys keys = file_of(secret + "\nanna:" + kKeys).find("eve");
  EXPECT_EQ(keys.salt, file_of("bob:" + kKeys + "\n" + secret + "\n", "other").find("eve").salt);
  EXPECT_NE(keys.salt, file_of(*make_scram_secret_line() + "\nanna:" + kKeys).find("eve").salt);
  EXPECT_EQ(error_of("#secret-for-unknown-users:AAAA"),
            "Error: Invalid line in scram file keys:1: the secret is not 32 bytes of base64.");
}

TEST(ScramFile, tells_the_log_why) {
  const ScramFile file = file_of("anna:" + kKeys + "\n");
  EXPECT_EQ(file.why_refused("anna"), "scram_file keys: wrong password of user 'anna'");
  EXPECT_EQ(file.why_refused("eve"), "scram_file keys: there is no user 'eve'");
}

TEST(ScramFile, invents_keys_that_look_like_those_of_others) {
  const ScramKeys large = derive_scram_keys("p", std::string(64, 's'), 5000);
  const ScramFile file = file_of("anna:" + kKeys + "\nbob:" + to_text(large) + "\n");
  std::set<std::pair<uint32_t, size_t>> seen;
  for (int i = 0; i < 100; ++i) {
    const ScramKeys keys = file.find("user" + std::to_string(i));
    seen.emplace(keys.iterations, keys.salt.size());
    EXPECT_EQ(keys.stored_key.size(), kScramKeyBytes);
  }
  EXPECT_EQ(seen, (std::set<std::pair<uint32_t, size_t>>{{4096, 16}, {5000, 64}}));
  EXPECT_EQ(file_of("").find("eve").iterations, kScramIterationsDefault);
  EXPECT_EQ(file_of("").find("eve").salt.size(), 16U);
}

TEST(ScramFile, names_the_line_that_is_wrong_and_does_not_quote_it) {
  EXPECT_EQ(error_of("anna:" + kKeys + "\n\nsecret\n"),
            "Error: Invalid line in scram file keys:3: no ':' behind the user name.");
  EXPECT_EQ(error_of(":" + kKeys), "Error: Invalid line in scram file keys:1: no user name.");
  EXPECT_EQ(error_of("\xC3\xA4:" + kKeys),
            "Error: Invalid line in scram file keys:1: the user name has characters that are not "
            "printable ASCII.");
  EXPECT_EQ(error_of(std::string(1025, 'u') + ":" + kKeys),
            "Error: Invalid line in scram file keys:1: the user name is too long.");
  EXPECT_EQ(error_of(std::string(1024, 'u') + ":" + kKeys), "");
  EXPECT_EQ(error_of("anna:secret"),
            "Error: Invalid line in scram file keys:1: the keys do not begin with SCRAM-SHA-256$.");
}

TEST(ScramFile, names_a_file_that_it_cannot_open) {
  const Result<ScramFile> none = ScramFile::load("/nowhere/keys");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().text, "Error: Unable to open scram file \"/nowhere/keys\".");
  EXPECT_EQ(none.error().code, 13);
  EXPECT_FALSE(ScramFile::load(testing::TempDir()));
}

TEST(ScramFile, refuses_a_file_that_is_too_large) {
  std::string path = testing::TempDir() + "tombo-scram-XXXXXX";
  ::close(::mkstemp(path.data()));
  std::ofstream(path) << "anna:" << kKeys << "\n";
  EXPECT_EQ(ScramFile::load(path)->size(), 1U);
  EXPECT_EQ(::truncate(path.c_str(), off_t{ScramFile::kFileBytesMax} + 1), 0);
  EXPECT_EQ(ScramFile::load(path).error().text,
            "Error: The scram file " + path + " has more than 67108864 bytes.");
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace tombo::auth
