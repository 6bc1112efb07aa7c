#include "broker/topic_tree.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "mqtt/topic.h"

namespace tombo::broker {
namespace {

uint64_t first_seed() {
  const int given = testing::UnitTest::GetInstance()->random_seed();
  return given == 0 ? 1 : static_cast<uint64_t>(given);
}

/// A tree and beside it the plain definition of what it should be.
class Pair {
 public:
  explicit Pair(uint64_t seed) : tree_(seed), random_(seed) {}

  std::string random_topic() {
    static const std::vector<std::string> kLevels = {"", "a", "b", "cc", "$x"};
    const std::string topic = random_levels(kLevels, 1 + random_.below(4));
    return topic.empty() ? "/" : topic;
  }

  std::string random_filter() {
    static const std::vector<std::string> kLevels = {"", "a", "b", "cc", "$x", "+", "+"};
    if (random_.one_in(12)) return "#";
    std::string filter = random_levels(kLevels, 1 + random_.below(4));
    if (random_.one_in(4)) filter += "/#";
    // A level of no bytes alone is no filter.
    return filter.empty() ? "/" : filter;
  }

  void add() {
    const std::string filter = random_filter();
    bool added = false;
    const TopicTree::Leaf leaf = tree_.find_or_add(filter, added);
    EXPECT_EQ(added, !filters_.contains(filter)) << filter;
    auto& subscribers = filters_[filter];
    const uint32_t position = tree_.add(leaf, {.index = next_});
    EXPECT_EQ(position, subscribers.size());
    subscribers.push_back(next_++);
  }

  void remove() {
    if (filters_.empty()) return;
    auto chosen = filters_.begin();
    std::advance(chosen, static_cast<ptrdiff_t>(random_.below(filters_.size())));
    auto& [filter, subscribers] = *chosen;
    const TopicTree::Leaf leaf = tree_.find(filter);
    ASSERT_NE(leaf, TopicTree::kNone) << filter;
    const auto position = static_cast<uint32_t>(random_.below(subscribers.size()));
    const Subscriber* moved = tree_.remove(leaf, position);
    EXPECT_EQ(moved != nullptr, position + 1 < subscribers.size());
    if (moved != nullptr) {
      EXPECT_EQ(moved->index, subscribers.back());
    }
    subscribers[position] = subscribers.back();
    subscribers.pop_back();
    if (!subscribers.empty()) return;
    tree_.drop(leaf);
    EXPECT_EQ(tree_.find(filter), TopicTree::kNone) << filter;
    filters_.erase(chosen);
  }

  void compare(const std::string& topic) const {
    std::vector<uint32_t> expected;
    for (const auto& [filter, subscribers] : filters_) {
      if (!mqtt::topic_matches(filter, topic)) continue;
      expected.insert(expected.end(), subscribers.begin(), subscribers.end());
    }
    std::vector<uint32_t> found;
    tree_.match(topic, [&found](std::span<const Subscriber> subscribers) {
      for (const Subscriber& subscriber : subscribers) found.push_back(subscriber.index);
    });
    std::ranges::sort(expected);
    std::ranges::sort(found);
    EXPECT_EQ(found, expected) << topic;
  }

  void compare_lists() const {
    std::map<std::string, size_t> listed;
    tree_.for_each([&listed](std::string_view filter, size_t subscribers) {
      EXPECT_TRUE(listed.emplace(filter, subscribers).second);
    });
    ASSERT_EQ(listed.size(), filters_.size());
    for (const auto& [filter, subscribers] : filters_) {
      EXPECT_EQ(listed[filter], subscribers.size()) << filter;
    }
  }

  Random& random() { return random_; }

  bool empty() const { return filters_.empty(); }

 private:
  std::string random_levels(const std::vector<std::string>& levels, uint64_t count) {
    std::string text;
    for (uint64_t i = 0; i < count; ++i) {
      if (i != 0) text += '/';
      text += levels[random_.below(levels.size())];
    }
    return text;
  }

  TopicTree tree_;
  Random random_;
  std::map<std::string, std::vector<uint32_t>> filters_;
  uint32_t next_ = 1;
};

TEST(TopicTree, matches_as_the_plain_definition_while_filters_come_and_go) {
  for (uint64_t seed = first_seed(); seed < first_seed() + 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair pair(seed);
    for (int step = 0; step < 600; ++step) {
      // It grows, shrinks and grows again.
      const bool grows = (step / 150) % 2 == 0;
      if (pair.random().below(10) < (grows ? 7U : 3U)) {
        pair.add();
      } else {
        pair.remove();
      }
      pair.compare(pair.random_topic());
    }
    pair.compare_lists();
    while (!pair.empty()) pair.remove();
    pair.compare(pair.random_topic());
    pair.compare_lists();
  }
}

TEST(TopicTree, finds_hash_alone) {
  TopicTree tree(1);
  bool added = false;
  tree.add(tree.find_or_add("#", added), {.index = 5});
  int matches = 0;
  tree.match("a/b", [&matches](auto) { ++matches; });
  tree.match("$SYS/b", [&matches](auto) { ++matches; });
  EXPECT_EQ(matches, 1);
}

TEST(TopicTree, keeps_many_filters_with_one_prefix_apart) {
  TopicTree tree(7);
  constexpr uint32_t kFilters = 5000;
  for (uint32_t i = 0; i < kFilters; ++i) {
    bool added = false;
    tree.add(tree.find_or_add("p/" + std::to_string(i) + "/+", added), {.index = i});
    EXPECT_TRUE(added);
  }
  for (uint32_t i = 0; i < kFilters; i += 2) {
    const TopicTree::Leaf leaf = tree.find("p/" + std::to_string(i) + "/+");
    tree.remove(leaf, 0);
    tree.drop(leaf);
  }
  for (uint32_t i = 0; i < kFilters; ++i) {
    uint32_t matches = 0;
    tree.match("p/" + std::to_string(i) + "/x", [&matches](auto) { ++matches; });
    EXPECT_EQ(matches, i % 2) << i;
  }
}

TEST(TopicTree, matches_the_deepest_topic) {
  TopicTree tree(1);
  std::string filter = "+";
  std::string topic = "a";
  for (uint32_t i = 1; i < mqtt::kTopicLevelsMax; ++i) {
    filter += "/+";
    topic += "/a";
  }
  bool added = false;
  tree.add(tree.find_or_add(filter, added), {.index = 1});
  int matches = 0;
  tree.match(topic, [&matches](auto) { ++matches; });
  EXPECT_EQ(matches, 1);
}

}  // namespace
}  // namespace tombo::broker
