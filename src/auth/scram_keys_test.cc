#include "auth/scram_keys.h"

#include <gtest/gtest.h>

namespace tombo::auth {
namespace {

// Made by PostgreSQL 15's recipe in Python's hashlib; the password is `pencil`.
const std::string kKeys =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPL"
    "wcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

TEST(ScramKeys, are_refused_when_they_are_out_of_bounds) {
  const auto why = [](const std::string& text) {
    const Result<ScramKeys> keys = parse_scram_keys(text);
    return keys ? std::string() : keys.error().text;
  };
  const std::string rest = kKeys.substr(kKeys.find(':'));
  const std::string keys_alone = rest.substr(rest.find('$'));
  const std::string out_of_bounds = "the iterations are not 4096 to 10000000";
  for (const char* bad : {"", "0", "4095", "10000001", "-1", "5000x", "99999999999"}) {
    EXPECT_EQ(why("SCRAM-SHA-256$" + (bad + rest)), out_of_bounds) << bad;
  }
  EXPECT_EQ(why("SCRAM-SHA-256$10000000" + rest), "");
  EXPECT_EQ(why("SCRAM-SHA-256$4096:AAAA" + keys_alone), "the salt has not 8 to 64 bytes");
  EXPECT_EQ(why("SCRAM-SHA-256$4096:" + std::string(88, 'A') + keys_alone),
            "the salt has not 8 to 64 bytes");
  EXPECT_EQ(why("SCRAM-SHA-256$4096:*" + keys_alone), "salt or keys are not base64");
  EXPECT_EQ(why(kKeys + "A"), "salt or keys are not base64");
  EXPECT_EQ(why("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$AAAA:AAAA"), "a key has not 32 bytes");
  EXPECT_EQ(why("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="), "a key has not 32 bytes");
}

TEST(ScramKeys, of_a_new_password_have_a_salt_of_their_own) {
  const Result<std::string> text = make_scram_keys("pencil", 4096);
  ASSERT_TRUE(text);
  const Result<ScramKeys> keys = parse_scram_keys(*text);
  ASSERT_TRUE(keys);
  EXPECT_EQ(*keys, derive_scram_keys("pencil", keys->salt, 4096));
  EXPECT_NE(*text, *make_scram_keys("pencil", 4096));
  EXPECT_FALSE(make_scram_keys("", 4096));
  EXPECT_FALSE(make_scram_keys("p\xC3\xA4", 4096));
}

}  // namespace
}  // namespace tombo::auth
