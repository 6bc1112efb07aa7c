#include "base/base64.h"

#include <gtest/gtest.h>

namespace tombo {
namespace {

TEST(Base64, goes_both_ways) {
  for (const std::string bytes : {"", "a", "ab", "abc", "\xff\xfe\xfd\xfc"}) {
    for (const Padding padding : {Padding::none, Padding::equals_signs}) {
      EXPECT_EQ(from_base64(to_base64(bytes, padding), padding), bytes);
    }
  }
  EXPECT_EQ(to_base64("ab", Padding::equals_signs), "YWI=");
  EXPECT_EQ(to_base64("ab", Padding::none), "YWI");
}

TEST(Base64, refuses_other_forms) {
  for (const char* text : {"YWI", "YWI==", "YWJ=", "Y=WI", "YW I", "YWI-", "="}) {
    EXPECT_FALSE(from_base64(text, Padding::equals_signs)) << text;
  }
  EXPECT_FALSE(from_base64("YWI=", Padding::none));
}

}  // namespace
}  // namespace tombo
