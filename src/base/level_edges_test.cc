#include "base/level_edges.h"

#include <string>

#include <gtest/gtest.h>

namespace tombo {
namespace {

struct TestNode {
  std::string level;
  uint32_t parent = 0;
  uint64_t edge = 0;
};

/// Makes all edges meet: those of a level of n letters begin at key n.
struct ByLength {
  uint64_t operator()(uint32_t, std::string_view level) const { return level.size(); }
};

class LevelEdgesTest : public testing::Test {
 protected:
  LevelEdgesTest() : nodes(1), edges(ByLength{}) {}

  uint32_t add(const std::string& level) {
    nodes.push_back({level, 0, 0});
    const auto node = static_cast<uint32_t>(nodes.size() - 1);
    edges.add(nodes, node);
    return node;
  }

  uint32_t find(const std::string& level) { return edges.find(nodes, 0, level); }

  std::vector<TestNode> nodes;
  LevelEdges<TestNode, ByLength> edges;
};

TEST_F(LevelEdgesTest, tells_edges_of_equal_hash_apart) {
  const uint32_t a = add("a");
  const uint32_t b = add("b");
  EXPECT_EQ(find("a"), a);
  EXPECT_EQ(find("b"), b);
  EXPECT_EQ(find("c"), 0u);
}

TEST_F(LevelEdgesTest, finds_the_others_after_any_one_of_a_run_is_removed) {
  const std::vector<std::string> levels = {"a", "b", "cc", "d", "ee", "fff"};
  for (const std::string& gone : levels) {
    nodes.resize(1);
    edges = LevelEdges<TestNode, ByLength>(ByLength{});
    for (const std::string& level : levels) add(level);
    edges.remove(nodes, find(gone));
    for (const std::string& level : levels) {
      EXPECT_EQ(find(level) != 0, level != gone) << level << " without " << gone;
    }
  }
}

TEST_F(LevelEdgesTest, is_empty_when_all_are_removed) {
  for (const char* level : {"a", "b", "cc", "d"}) add(level);
  for (const char* level : {"b", "a", "d", "cc"}) edges.remove(nodes, find(level));
  EXPECT_EQ(edges.size(), 0u);
}

TEST(LevelEdges, parents_have_children_of_their_own) {
  std::vector<TestNode> nodes(2);
  LevelEdges<TestNode> edges(LevelHash{1});
  nodes.push_back({"x", 1, 0});
  edges.add(nodes, 2);
  EXPECT_EQ(edges.find(nodes, 1, "x"), 2u);
  EXPECT_EQ(edges.find(nodes, 0, "x"), 0u);
}

}  // namespace
}  // namespace tombo
