#include "tools/password_lines.h"

#include <gtest/gtest.h>

namespace tombo::tools {
namespace {

using Numbers = std::vector<size_t>;

const std::string kHashed =
    "$6$9Wu7SViCDIH19oS4$KvizjUfVVMA+Iu1uvYtcYLuqnVNoUtBgljolXAiKWXIfNDvZ0TaTQguLnHXIGlcZ0fueTl"
    "8eRUNtU0xtzfDzjw==";

Result<std::string> in_brackets(std::string_view password) {
  return "[" + std::string(password) + "]";
}

std::string hashed(std::string_view text) {
  const Result<std::string> changed = hash_plain_passwords(text, in_brackets);
  return changed ? *changed : changed.error().text;
}

TEST(PasswordLines, add_a_user_at_the_end) {
  const ChangedLines changed = set_password("a:1\n", "b", "2");
  EXPECT_EQ(changed.text, "a:1\nb:2\n");
  EXPECT_FALSE(changed.has_found);
  EXPECT_EQ(set_password("a:1", "b", "2").text, "a:1\nb:2\n");
  EXPECT_EQ(set_password("", "b", "2").text, "b:2\n");
}

TEST(PasswordLines, change_a_user_where_it_is) {
  const ChangedLines changed = set_password("a:1\nb:2\nab:3\n", "a", "4");
  EXPECT_EQ(changed.text, "a:4\nb:2\nab:3\n");
  EXPECT_TRUE(changed.has_found);
  EXPECT_EQ(set_password("a:1\nb:2\na:3\n", "a", "4").text, "a:4\nb:2\n");
}

TEST(PasswordLines, remove_every_line_of_a_user) {
  const ChangedLines changed = remove_user("a:1\nb:2\na:3\n", "a");
  EXPECT_EQ(changed.text, "b:2\n");
  EXPECT_TRUE(changed.has_found);
  EXPECT_FALSE(remove_user("b:2\n", "a").has_found);
}

TEST(PasswordLines, keep_what_is_no_entry) {
  const std::string odd = "# a:0\n\n  \nno colon\n:x\nempty:\n";
  const ChangedLines added = set_password(odd + "a:1\n", "a", "2");
  EXPECT_EQ(added.text, odd + "a:2\n");
  EXPECT_EQ(added.corrupt_lines, (Numbers{4, 5, 6}));
  EXPECT_EQ(remove_user(odd + "a:1\n", "a").text, odd);
}

TEST(PasswordLines, change_a_damaged_line_of_the_user) {
  EXPECT_EQ(set_password("a:\n", "a", "2").text, "a:2\n");
  EXPECT_EQ(remove_user("a:\n", "a").text, "");
}

TEST(PasswordLines, hash_what_is_plain_and_leave_the_rest) {
  EXPECT_EQ(hashed("# c\n\na:p\nb:" + kHashed + "\nc: two words \nd:x:y"),
            "# c\n\na:[p]\nb:" + kHashed + "\nc:[two words]\nd:[x:y]\n");
}

TEST(PasswordLines, hash_nothing_in_a_file_with_a_corrupt_line) {
  for (const std::string line :
       {"no colon", ":x", "b:", "b:$6$damaged", "b:$7$x", "b:$argon2id$"}) {
    EXPECT_EQ(hashed("a:p\n" + line + "\n"), "Error: Corrupt password file at line 2.");
  }
}

TEST(PasswordLines, pass_on_why_a_password_cannot_be_hashed) {
  const Result<std::string> changed = hash_plain_passwords(
      "a:p\nb:q\n", [](std::string_view) -> Result<std::string> { return Error{"no memory"}; });
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().text, "no memory");
}

TEST(PasswordLines, are_of_one_kind_in_a_file) {
  const std::string_view passwords = "# a\n\nno colon\nanna:$7$x\nbob:SCRAM-SHA-256$x\n";
  EXPECT_EQ(line_of_other_kind(passwords, false), 5U);
  EXPECT_EQ(line_of_other_kind(passwords, true), 4U);
  EXPECT_EQ(line_of_other_kind("#x\nno colon\nbob:SCRAM-SHA-256$x", true), 0U);
  EXPECT_EQ(line_of_other_kind("anna:plain\n", false), 0U);
}

}  // namespace
}  // namespace tombo::tools
