#include "auth/password_hash.h"

#include <gtest/gtest.h>

namespace tombo::auth {
namespace {

PasswordHash hash_of(std::string_view text) {
  Result<PasswordHash> hash = parse_password_hash(text);
  EXPECT_TRUE(hash) << text;
  return hash ? *hash : PasswordHash{};
}

// Made by mosquitto_passwd of Debian 12 (Mosquitto 2.0.11).
constexpr std::string_view kPbkdf2 =
    "$7$101$67mzyzZXBZVHEZJA$0Fc5ZmFloU6USrbFbdpqUg2zGEAyeSdY3T0QVDF4eZmEvMQA2TD+CMIWzIaPRx1Rcb"
    "oJZdvNPb7Qi9pW3+m75Q==";
constexpr std::string_view kPbkdf2OfFive =
    "$7$5$L+BwoiDt+x1FZol9$i5U4rF8mOupT8jC3d0rbcBWuJ6ZxaotfWCV1drv6rKbs6gMCXZxOjC7IuRWk5d88CBri"
    "VS513bo9lTyOd7nAQA==";
constexpr std::string_view kSha512 =
    "$6$9Wu7SViCDIH19oS4$KvizjUfVVMA+Iu1uvYtcYLuqnVNoUtBgljolXAiKWXIfNDvZ0TaTQguLnHXIGlcZ0fueTl"
    "8eRUNtU0xtzfDzjw==";
constexpr std::string_view kEmptyPassword =
    "$7$101$IYe4dWYG0dMhPX9L$bCiTq1RN3U6Px230L+wgTkiQ6XGzqZ6C2pRmnzIuKbkVsB2XQetu/ZtDsUvyxwbOUU"
    "JY4jBC4Tii2cnPIDvdPQ==";

TEST(PasswordHash, accepts_what_mosquitto_passwd_wrote) {
  EXPECT_TRUE(matches(hash_of(kPbkdf2), "secret"));
  EXPECT_TRUE(matches(hash_of(kPbkdf2OfFive), "p"));
  EXPECT_TRUE(matches(hash_of(kSha512), "pass word"));
  EXPECT_TRUE(matches(hash_of(kEmptyPassword), ""));
}

TEST(PasswordHash, refuses_another_password) {
  for (const std::string_view text : {kPbkdf2, kSha512, kEmptyPassword}) {
    EXPECT_FALSE(matches(hash_of(text), "Secret"));
    EXPECT_FALSE(matches(hash_of(text), "secret "));
  }
  EXPECT_FALSE(matches(hash_of(kPbkdf2), ""));
}

TEST(PasswordHash, reads_what_it_makes) {
  for (const HashKind kind : {HashKind::sha512, HashKind::pbkdf2, HashKind::argon2id}) {
    for (const size_t salt : {size_t{12}, size_t{64}}) {
      const HashCost cost{.kind = kind, .iterations = 3, .memory_kib = 64};
      const Result<std::string> text = hash_password("a password", cost, salt);
      ASSERT_TRUE(text);
      EXPECT_TRUE(matches(hash_of(*text), "a password")) << *text;
      EXPECT_FALSE(matches(hash_of(*text), "a passwort")) << *text;
      EXPECT_NE(*text, *hash_password("a password", cost, salt));
    }
  }
}

TEST(PasswordHash, writes_argon2id_as_mosquitto_2_1_does) {
  const Result<std::string> text =
      hash_password("x", {.kind = HashKind::argon2id, .iterations = 1}, 64);
  ASSERT_TRUE(text);
  EXPECT_TRUE(text->starts_with("$argon2id$v=19$m=47104,t=1,p=1$"));
  EXPECT_EQ(text->find('='), text->find("v=") + 1);
  EXPECT_NE(text->back(), '=');
}

TEST(PasswordHash, knows_the_reference_vector_of_argon2id) {
  // From the test suite of the reference implementation: t=2, m=256 KiB, p=1, 32 bytes.
  EXPECT_TRUE(matches(hash_of("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7"
                              "TKyQwu9U1bMCHGi/4"),
                      "password"));
}

TEST(PasswordHash, refuses_what_is_no_hash) {
  const std::string salt = "67mzyzZXBZVHEZJA";
  const std::string key(kSha512.substr(kSha512.rfind('$') + 1));
  for (const std::string& text : {std::string(),
                                  std::string("secret"),
                                  "$5$" + salt + "$" + key,
                                  "$6$" + salt,
                                  "$6$" + salt + "$" + key + "=",
                                  "$6$" + salt + "AAAA$" + key,
                                  "$6$" + salt + "$AAAA",
                                  "$7$" + salt + "$" + key,
                                  "$7$0$" + salt + "$" + key,
                                  "$7$-1$" + salt + "$" + key,
                                  "$7$10000001$" + salt + "$" + key,
                                  "$7$101x$" + salt + "$" + key,
                                  "$7$101$" + salt + "$" + key + "$",
                                  "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + salt,
                                  "$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + salt,
                                  "$argon2id$v=19$m=64,p=1,t=1$" + salt + "$" + salt,
                                  "$argon2id$v=19$m=262145,t=1,p=1$" + salt + "$" + salt,
                                  "$argon2id$v=19$m=64,t=65,p=1$" + salt + "$" + salt,
                                  "$argon2id$v=19$m=64,t=1,p=17$" + salt + "$" + salt,
                                  "$argon2id$v=19$m=4,t=1,p=1$" + salt + "$" + salt,
                                  "$argon2id$v=19$m=64,t=1,p=1$AAAA$" + salt}) {
    const Result<PasswordHash> hash = parse_password_hash(text);
    ASSERT_FALSE(hash) << text;
    EXPECT_EQ(hash.error().text.find(salt), std::string::npos);
    EXPECT_EQ(hash.error().text.find("secret"), std::string::npos);
  }
}

TEST(PasswordHash, takes_its_bounds) {
  const std::string salt = "67mzyzZXBZVHEZJA";
  const std::string key(kSha512.substr(kSha512.rfind('$') + 1));
  EXPECT_TRUE(parse_password_hash("$7$10000000$" + salt + "$" + key));
  EXPECT_TRUE(parse_password_hash("$argon2id$v=19$m=262144,t=64,p=16$" + salt + "$" + salt));
}

}  // namespace
}  // namespace tombo::auth
