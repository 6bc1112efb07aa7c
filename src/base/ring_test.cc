#include "base/ring.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"

namespace tombo {
namespace {

static_assert(sizeof(Ring<int>) == 16);

Ring<int> filled(int n) {
  Ring<int> ring;
  for (int i = 0; i < n; ++i) ring.push_back(i);
  return ring;
}

std::vector<int> contents(const Ring<int>& ring) {
  return {ring.begin(), ring.end()};
}

TEST(Ring, gives_back_in_the_order_of_pushing) {
  Ring<int> ring = filled(100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ring.pop_front(), i);
  EXPECT_TRUE(ring.empty());
}

TEST(Ring, allocates_nothing_before_the_first_push) {
  const Ring<int> ring;
  EXPECT_EQ(ring.capacity(), 0u);
  EXPECT_EQ(ring.begin(), ring.end());
}

TEST(Ring, puts_elements_in_front) {
  Ring<int> ring;
  for (int i = 0; i < 10; ++i) ring.push_front(i);
  EXPECT_EQ(ring.front(), 9);
  EXPECT_EQ(ring.back(), 0);
  EXPECT_EQ(ring[3], 6);
}

TEST(Ring, returns_the_place_of_a_new_element) {
  Ring<std::string> ring;
  ring.push_back("a") += "b";
  ring.push_front("c") += "d";
  EXPECT_EQ(ring.front(), "cd");
  EXPECT_EQ(ring.back(), "ab");
}

TEST(Ring, keeps_few_places_when_it_runs_empty) {
  Ring<int> ring = filled(1000);
  EXPECT_EQ(ring.capacity(), 1024u);
  while (!ring.empty()) ring.pop_front();
  EXPECT_LE(ring.capacity(), 8u);
}

TEST(Ring, shrinks_below_a_quarter) {
  Ring<int> ring = filled(64);
  while (ring.size() > 16) ring.pop_front();
  EXPECT_EQ(ring.capacity(), 64u);
  ring.pop_front();
  EXPECT_EQ(ring.capacity(), 32u);
}

TEST(Ring, frees_its_memory_when_cleared) {
  Ring<int> ring = filled(3);
  ring.clear();
  EXPECT_EQ(ring.capacity(), 0u);
  ring.push_back(1);
  EXPECT_EQ(ring.front(), 1);
}

TEST(Ring, erases_anywhere_and_keeps_the_order) {
  for (size_t i = 0; i < 6; ++i) {
    Ring<int> ring = filled(6);
    std::vector<int> expected = contents(ring);
    ring.erase_at(i);
    expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(contents(ring), expected);
  }
}

TEST(Ring, moves_its_elements_to_another_ring) {
  Ring<int> from = filled(5);
  Ring<int> to = filled(2);
  to = std::move(from);
  EXPECT_EQ(contents(to), (std::vector<int>{0, 1, 2, 3, 4}));
  const Ring<int> third(std::move(to));
  EXPECT_EQ(third.size(), 5u);
}

TEST(Ring, serves_algorithms) {
  Ring<int> ring = filled(10);
  const auto found = std::ranges::find(ring, 7);
  ASSERT_NE(found, ring.end());
  ring.erase_at(found.index());
  EXPECT_EQ(ring[7], 8);
}

struct alignas(64) Wide {
  int value;
};

TEST(Ring, aligns_its_elements) {
  Ring<Wide> ring;
  for (int i = 0; i < 20; ++i) ring.push_back(Wide{i});
  for (const Wide& wide : ring) EXPECT_EQ(reinterpret_cast<uintptr_t>(&wide) % 64, 0u);
  EXPECT_EQ(ring[19].value, 19);
}

// One random step on both; false when they differ.
bool step(Random& random, Ring<std::unique_ptr<int>>& ring, std::deque<int>& model) {
  const int value = static_cast<int>(random.below(1000));
  switch (random.below(model.size() > 40 ? 12 : 6)) {
    case 0:
    case 1:
    case 2:
      ring.push_back(std::make_unique<int>(value));
      model.push_back(value);
      break;
    case 3:
      ring.push_front(std::make_unique<int>(value));
      model.push_front(value);
      break;
    case 4:
      if (model.empty()) break;
      {
        const size_t i = random.below(model.size());
        ring.erase_at(i);
        model.erase(model.begin() + static_cast<std::ptrdiff_t>(i));
      }
      break;
    default:
      if (model.empty()) break;
      if (*ring.pop_front() != model.front()) return false;
      model.pop_front();
  }
  return std::ranges::equal(ring, model, {}, [](const auto& p) { return *p; });
}

TEST(Ring, behaves_like_a_deque) {
  const uint64_t seed = 20251;
  SCOPED_TRACE(seed);
  Random random(seed);
  Ring<std::unique_ptr<int>> ring;
  std::deque<int> model;
  for (int i = 0; i < 20000; ++i) ASSERT_TRUE(step(random, ring, model)) << "step " << i;
}

}  // namespace
}  // namespace tombo
