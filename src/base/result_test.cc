#include "base/result.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace tombo {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error{"odd number"};
  return n / 2;
}

Result<void> must_be_even(int n) {
  Result<int> result = half(n);
  if (!result) return result.error().with("number", std::to_string(n));
  return {};
}

TEST(Result, holds_a_value) {
  Result<int> result = half(8);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result.has_value());
  EXPECT_EQ(*result, 4);
  EXPECT_EQ(result.value(), 4);
}

TEST(Result, holds_an_error) {
  Result<int> result = half(7);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().text, "odd number");
  EXPECT_EQ(result.error().code, 1);
}

TEST(Result, reaches_members_of_its_value) {
  const Result<std::string> result = std::string("four");
  EXPECT_EQ(result->size(), 4u);
}

TEST(Result, gives_up_a_move_only_value) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  std::unique_ptr<int> value = *std::move(result);
  EXPECT_EQ(*value, 5);
}

TEST(Result, takes_whatever_converts_to_its_value) {
  const Result<std::string> result = "text";
  EXPECT_EQ(*result, "text");
}

TEST(Result, of_void_is_success_by_default) {
  EXPECT_TRUE(Result<void>());
  EXPECT_TRUE(must_be_even(2));
}

TEST(Result, of_void_passes_an_error_on) {
  Result<void> result = must_be_even(3);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().text, "number 3: odd number");
}

TEST(Error, keeps_its_code_when_it_is_seen_from_further_out) {
  const Error inner{"cannot open", 3};
  const Error outer = inner.with("config file", "/etc/a.conf");
  EXPECT_EQ(outer.text, "config file /etc/a.conf: cannot open");
  EXPECT_EQ(outer.code, 3);
}

TEST(ResultDeathTest, names_the_error_when_the_value_is_missing) {
  EXPECT_DEATH(static_cast<void>(*half(7)), "odd number");
  EXPECT_DEATH(must_be_even(7).value(), "number 7: odd number");
}

TEST(ResultDeathTest, has_no_error_beside_a_value) {
  EXPECT_DEATH(static_cast<void>(half(8).error()), "check failed");
  EXPECT_DEATH(static_cast<void>(must_be_even(8).error()), "check failed");
}

}  // namespace
}  // namespace tombo
