#include "tools/passwd_options.h"

#include <initializer_list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tombo::tools {
namespace {

using auth::HashKind;

constexpr std::string_view kMissingForNewFile =
    "Error: -c argument given but password file or username missing.";

Result<PasswdOptions> parsed(std::initializer_list<const char*> words, bool is_v2_0 = false) {
  const std::vector<const char*> arguments(words);
  return parse_passwd_options(arguments, is_v2_0);
}

std::string error_of(std::initializer_list<const char*> words, bool is_v2_0 = false) {
  const Result<PasswdOptions> options = parsed(words, is_v2_0);
  if (options) return {};
  EXPECT_EQ(options.error().code, 1);
  return options.error().text;
}

TEST(PasswdOptions, sets_a_password) {
  const Result<PasswdOptions> options = parsed({"pw", "anna"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->action, PasswdAction::set);
  EXPECT_EQ(options->path, "pw");
  EXPECT_EQ(options->user, "anna");
  EXPECT_FALSE(options->is_create);
  EXPECT_FALSE(options->has_batch);
}

TEST(PasswdOptions, takes_switches_together_and_more_than_once) {
  const Result<PasswdOptions> options =
      parsed({"-c", "-H", "sha512", "-b", "-b", "-H", "sha512-pbkdf2", "-I", "7", "pw", "u", "p"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->action, PasswdAction::set);
  EXPECT_TRUE(options->is_create);
  EXPECT_TRUE(options->has_batch);
  EXPECT_EQ(options->cost.kind, HashKind::pbkdf2);
  EXPECT_EQ(options->cost.iterations, 7U);
  EXPECT_EQ(options->password, "p");
}

TEST(PasswdOptions, has_the_hash_of_its_generation) {
  const Result<PasswdOptions> old = parsed({"pw", "u"}, true);
  EXPECT_EQ(old->cost.kind, HashKind::pbkdf2);
  EXPECT_EQ(old->cost.iterations, 101U);
  EXPECT_EQ(old->salt_bytes, 12U);
  const Result<PasswdOptions> fresh = parsed({"pw", "u"});
  EXPECT_EQ(fresh->cost.kind, HashKind::argon2id);
  EXPECT_EQ(fresh->cost.iterations, 1U);
  EXPECT_EQ(fresh->salt_bytes, 64U);
  EXPECT_EQ(parsed({"-H", "sha512-pbkdf2", "pw", "u"})->cost.iterations, 1000U);
}

TEST(PasswdOptions, gives_iterations_to_pbkdf2_alone) {
  EXPECT_EQ(parsed({"-I", "7", "pw", "u"})->cost.iterations, 1U);
  EXPECT_EQ(parsed({"-I", "7", "pw", "u"}, true)->cost.iterations, 7U);
  EXPECT_EQ(parsed({"-I", "10000000", "pw", "u"}, true)->cost.iterations, 10'000'000U);
  for (const char* none : {"0", "-1", "abc", ""}) {
    EXPECT_EQ(error_of({"-I", none, "pw", "u"}), "Error: Number of iterations must be > 0.");
  }
  for (const char* wrong : {"10000001", "99999999999999999999", "5x"}) {
    EXPECT_EQ(error_of({"-I", wrong, "pw", "u"}),
              "Error: Number of iterations must be a number from 1 to 10000000.");
  }
}

TEST(PasswdOptions, knows_the_hashes_of_its_generation) {
  EXPECT_EQ(error_of({"-H", "md5", "pw", "u"}), "Error: Unknown hash type 'md5'");
  EXPECT_EQ(error_of({"-H", "argon2id", "pw", "u"}, true), "Error: Unknown hash type 'argon2id'");
  EXPECT_TRUE(parsed({"-H", "argon2id", "pw", "u"}));
}

TEST(PasswdOptions, deletes_and_hashes) {
  EXPECT_EQ(parsed({"-D", "pw", "u"})->action, PasswdAction::remove);
  EXPECT_EQ(parsed({"-U", "pw"})->action, PasswdAction::hash_all);
  EXPECT_EQ(parsed({"-U", "-b", "-H", "sha512", "pw"})->cost.kind, HashKind::sha512);
}

TEST(PasswdOptions, refuses_what_does_not_go_together) {
  EXPECT_EQ(error_of({"-c", "-D", "pw", "u"}), "Error: -c and -D cannot be used together.");
  EXPECT_EQ(error_of({"-c", "-U", "pw"}), "Error: -c and -U cannot be used together.");
  EXPECT_EQ(error_of({"-D", "-U", "pw"}), "Error: -D and -U cannot be used together.");
  EXPECT_EQ(error_of({"-b", "-D", "pw", "u"}), "Error: -b and -D cannot be used together.");
}

TEST(PasswdOptions, says_what_is_missing) {
  EXPECT_EQ(error_of({"-H"}), "Error: -H argument given but not enough other arguments.");
  EXPECT_EQ(error_of({"-I"}), "Error: -I argument given but not enough other arguments.");
  EXPECT_EQ(error_of({"-c"}), kMissingForNewFile);
  EXPECT_EQ(error_of({"-c", "-"}), kMissingForNewFile);
  EXPECT_EQ(error_of({"-c", "-b", "pw", "u"}),
            "Error: -c argument given but password file, username, or password missing.");
  EXPECT_EQ(error_of({"-U"}), "Error: -U argument given but password file missing.");
  EXPECT_EQ(error_of({"-U", "pw", "u"}), "Error: -U argument given but password file missing.");
  EXPECT_EQ(error_of({"-D", "pw"}),
            "Error: -D argument given but password file or username missing.");
}

TEST(PasswdOptions, shows_its_usage_for_anything_else) {
  for (const std::initializer_list<const char*> words : {std::initializer_list<const char*>{},
                                                         {"--help"},
                                                         {"-h"},
                                                         {"-cb", "pw", "u", "p"},
                                                         {"pw"},
                                                         {"pw", "u", "p"},
                                                         {"-b", "pw", "u"},
                                                         {"-b", "pw", "u", "p", "q"},
                                                         {"-x", "pw", "u"}}) {
    const Result<PasswdOptions> options = parsed(words);
    ASSERT_TRUE(options);
    EXPECT_EQ(options->action, PasswdAction::show_usage);
  }
}

TEST(PasswdOptions, writes_to_standard_output_in_2_1_alone) {
  EXPECT_TRUE(parsed({"-c", "-b", "-", "u", "p"})->is_to_stdout());
  EXPECT_FALSE(parsed({"-c", "-b", "-", "u", "p"}, true)->is_to_stdout());
  EXPECT_FALSE(parsed({"-b", "-", "u", "p"})->is_to_stdout());
}

TEST(PasswdOptions, refuses_names_that_no_line_can_have) {
  EXPECT_EQ(error_of({"pw", "a:b"}), "Error: Username must not contain the ':' character.");
  EXPECT_EQ(error_of({"pw", "a\nb"}), "Error: Username must not contain control characters.");
  EXPECT_EQ(error_of({"pw", ""}), "Error: Username must not be empty.");
  EXPECT_EQ(error_of({"-D", "pw", "#a"}), "Error: Username must not begin with the '#' character.");
  EXPECT_TRUE(check_user_name("umläut with blanks"));
}

TEST(PasswdOptions, takes_names_and_passwords_of_full_length_and_no_longer_ones) {
  const std::string full(65'535, 'x');
  EXPECT_TRUE(parsed({"-b", "pw", full.c_str(), full.c_str()}));
  EXPECT_EQ(error_of({"pw", (full + "x").c_str()}),
            "Error: Username must be less than 65536 characters long.");
  EXPECT_EQ(error_of({"-b", "pw", "u", (full + "x").c_str()}),
            "Error: Password must be less than 65536 characters long.");
}

TEST(PasswdOptions, have_a_usage_for_each_generation) {
  EXPECT_NE(passwd_usage(false).find("argon2id (default)"), std::string::npos);
  EXPECT_EQ(passwd_usage(true).find("argon2id"), std::string::npos);
}

TEST(PasswdOptions, are_those_of_a_scram_file) {
  const Result<PasswdOptions> options = parsed({"--scram", "-c", "-b", "f", "u", "p"});
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->is_scram && options->is_create);
  EXPECT_EQ(options->scram_iterations, 15'000U);
  EXPECT_EQ(parsed({"-I", "4096", "--scram", "f", "u"}, true)->scram_iterations, 4'096U);
  EXPECT_EQ(parsed({"--scram", "-D", "f", "u"})->action, PasswdAction::remove);
  EXPECT_FALSE(parsed({"f", "u"})->is_scram);
  EXPECT_EQ(error_of({"--scram", "-U", "f"}), "Error: --scram and -U cannot be used together.");
  EXPECT_EQ(error_of({"--scram", "-H", "sha512", "f", "u"}),
            "Error: --scram and -H cannot be used together.");
  EXPECT_EQ(error_of({"--scram", "-I", "4095", "f", "u"}),
            "Error: Number of iterations with --scram must be 4096 to 10000000.");
}

TEST(PasswdOptions, refuse_names_and_passwords_that_scram_cannot_have) {
  const std::string longest(1'024, 'u');
  EXPECT_EQ(error_of({"--scram", "-b", "f", longest.c_str(), "p"}), "");
  EXPECT_EQ(error_of({"--scram", "-b", "f", (longest + "u").c_str(), "p"}),
            "Error: Username for SCRAM must have printable ASCII characters alone, 1024 at most.");
  EXPECT_NE(error_of({"--scram", "f", "\xC3\xA4"}), "");
  EXPECT_EQ(error_of({"-b", "f", "\xC3\xA4", "\xC3\xA4"}), "");
  for (const char* password : {"", "\xC3\xA4", "a\tb"}) {
    EXPECT_EQ(error_of({"--scram", "-b", "f", "u", password}),
              "Error: Password for SCRAM must have printable ASCII characters alone, and at least "
              "one.");
  }
}

}  // namespace
}  // namespace tombo::tools
