#include "base/hash.h"

#include <string>

#include <gtest/gtest.h>

namespace tombo {
namespace {

// The stored numbers of a release must be those of the next one.
TEST(Hash, is_xxh3) {
  EXPECT_EQ(hash64("", 0), 0x2d06800538d394c2u);
  EXPECT_EQ(hash64("a", 0), 0xe6c632b61e964e1fu);
  EXPECT_EQ(hash64("abc", 0), 0x78af5f94892f3950u);
}

TEST(Hash, depends_on_the_seed) {
  EXPECT_NE(hash64("topic", 1), hash64("topic", 2));
}

TEST(Hash, reads_texts_of_any_length) {
  const std::string text(5000, 'x');
  EXPECT_NE(hash64(text, 7), hash64(std::string_view(text).substr(1), 7));
  EXPECT_EQ(hash64(text, 7), hash64(std::string(5000, 'x'), 7));
}

TEST(Mix, spreads_neighbours) {
  EXPECT_EQ(mix64(0), 0u);
  for (uint64_t i = 1; i < 100; ++i) {
    const int differing = __builtin_popcountll(mix64(i) ^ mix64(i + 1));
    EXPECT_GT(differing, 12);
    EXPECT_LT(differing, 52);
  }
}

}  // namespace
}  // namespace tombo
