#include "config/values.h"

#include <limits>
#include <string_view>

#include <gtest/gtest.h>

namespace tombo::config {
namespace {

TEST(Values, cuts_words_at_blanks_only) {
  std::string_view rest = "  max_qos  1\tx 2 ";
  EXPECT_EQ(next_word(rest), "max_qos");
  EXPECT_EQ(next_word(rest), "1\tx");
  EXPECT_EQ(next_word(rest), "2");
  EXPECT_EQ(next_word(rest), "");
  EXPECT_EQ(next_word(rest), "");
}

TEST(Values, trims_all_white_space_at_both_ends) {
  EXPECT_EQ(trimmed(" \t a b\t \r\n"), "a b");
  EXPECT_EQ(trimmed(" \t "), "");
  EXPECT_EQ(trimmed(""), "");
}

TEST(Values, reads_numbers_as_atoi_does) {
  struct Case {
    std::string_view word;
    int64_t number;
  };

  const Case cases[] = {
      {"0", 0},     {"17", 17}, {"-4", -4}, {"+4", 4},  {"\t4", 4}, {"4x", 4},
      {"0x10", 0},  {"abc", 0}, {"", 0},    {"+-4", 0}, {"-", 0},   {"007", 7},
      {"18.9", 18}, {"-0", 0},  {"--1", 0}, {"1e3", 1},
  };
  for (const Case& c : cases) EXPECT_EQ(leading_number(c.word), c.number) << c.word;
  EXPECT_EQ(leading_number("99999999999999999999"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(leading_number("-99999999999999999999"), std::numeric_limits<int64_t>::min());
}

TEST(Values, knows_four_words_for_a_boolean) {
  EXPECT_EQ(boolean("true"), true);
  EXPECT_EQ(boolean("1"), true);
  EXPECT_EQ(boolean("false"), false);
  EXPECT_EQ(boolean("0"), false);
  for (const std::string_view word : {"TRUE", "yes", "on", "2", "", "true\t"}) {
    EXPECT_EQ(boolean(word), std::nullopt) << word;
  }
}

}  // namespace
}  // namespace tombo::config
