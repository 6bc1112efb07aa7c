#include "broker/interest.h"

#include <map>
#include <memory>
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

constexpr unsigned kShards = 5;

/// Several shards' interest, and the filters that they have entered.
class Entered {
 public:
  explicit Entered(uint64_t seed) : table_(seed), random_(seed) {
    for (uint8_t shard = 0; shard < kShards; ++shard) locals_.emplace_back(&table_, ShardId(shard));
  }

  std::string random_levels(const std::vector<std::string>& levels, uint64_t count) {
    std::string text;
    for (uint64_t i = 0; i < count; ++i) {
      if (i != 0) text += '/';
      text += levels[random_.below(levels.size())];
    }
    return text;
  }

  std::string random_filter(uint64_t depth_max) {
    if (random_.one_in(30)) return "#";
    std::string filter = random_levels({"", "a", "b", "$x", "+"}, 1 + random_.below(depth_max));
    if (random_.one_in(3)) filter += "/#";
    return filter.empty() ? "/" : filter;
  }

  std::string random_topic(uint64_t depth_max) {
    return random_levels({"", "a", "b", "$x"}, 1 + random_.below(depth_max));
  }

  void add(const std::string& filter) {
    const auto shard = static_cast<unsigned>(random_.below(kShards));
    filters_.push_back({filter, shard, locals_[shard].add(filter)});
  }

  void remove() {
    if (filters_.empty()) return;
    const size_t chosen = random_.below(filters_.size());
    locals_[filters_[chosen].shard].remove(filters_[chosen].entry);
    filters_[chosen] = filters_.back();
    filters_.pop_back();
  }

  void clear() {
    while (!filters_.empty()) remove();
  }

  /// No shard that has a matching filter may be missing.
  void expect_no_false_negative(const std::string& topic) const {
    const uint64_t mask = table_.shards_for(topic);
    for (const Filter& filter : filters_) {
      if (!mqtt::topic_matches(filter.text, topic)) continue;
      EXPECT_NE(mask & uint64_t{1} << filter.shard, 0U) << filter.text << " and " << topic;
    }
  }

  InterestTable& table() { return table_; }

  Random& random() { return random_; }

 private:
  struct Filter {
    std::string text;
    unsigned shard;
    InterestTable::Entry entry;
  };

  InterestTable table_;
  Random random_;
  std::vector<LocalInterest> locals_;
  std::vector<Filter> filters_;
};

TEST(Interest, misses_no_shard_while_filters_come_and_go) {
  for (uint64_t seed = first_seed(); seed < first_seed() + 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Entered entered(seed);
    for (int step = 0; step < 500; ++step) {
      const bool grows = (step / 100) % 2 == 0;
      if (entered.random().below(10) < (grows ? 8U : 2U)) {
        entered.add(entered.random_filter(6));
      } else {
        entered.remove();
      }
      for (int i = 0; i < 3; ++i) entered.expect_no_false_negative(entered.random_topic(6));
    }
    entered.clear();
    EXPECT_EQ(entered.table().masks().size(), 0U);
    EXPECT_EQ(entered.table().shards_for(entered.random_topic(6)), 0U);
  }
}

TEST(Interest, misses_no_shard_when_filters_are_deeper_than_its_keys) {
  for (uint64_t seed = first_seed(); seed < first_seed() + 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Entered entered(seed);
    for (int i = 0; i < 200; ++i) {
      std::string filter = entered.random_levels({"a", "+"}, 14 + entered.random().below(6));
      if (entered.random().one_in(3)) filter += "/#";
      entered.add(filter);
    }
    for (int i = 0; i < 200; ++i) {
      entered.expect_no_false_negative(
          entered.random_levels({"a"}, 12 + entered.random().below(10)));
    }
  }
}

TEST(Interest, misses_no_shard_with_more_shapes_than_places) {
  Entered entered(3);
  // 64 shapes of six levels, twice the places.
  for (unsigned plus = 0; plus < 64; ++plus) {
    std::string filter;
    for (unsigned level = 0; level < 6; ++level) {
      if (level != 0) filter += '/';
      filter += (plus >> level & 1U) != 0 ? "+" : "a";
    }
    entered.add(filter);
  }
  entered.expect_no_false_negative("a/a/a/a/a/a");
  entered.expect_no_false_negative("b/a/a/a/a/a");
  entered.expect_no_false_negative("a/b/b/b/b/b");
  entered.clear();
  EXPECT_EQ(entered.table().shards_for("a/a/a/a/a/a"), 0U);
}

TEST(Interest, gives_places_of_shapes_back) {
  InterestTable table(1);
  LocalInterest local(&table, ShardId(2));
  for (unsigned round = 0; round < 3 * InterestTable::kShapesMax; ++round) {
    const std::string filter = std::string(round % 12, '/') + "+/x";
    const InterestTable::Entry entry = local.add(filter);
    EXPECT_EQ(table.shards_for(std::string(round % 12, '/') + "a/x"), 4U) << filter;
    // Exact, not coarsened: another topic of the same depth is not asked for.
    EXPECT_EQ(table.shards_for(std::string(round % 12, '/') + "a/y"), 0U) << filter;
    local.remove(entry);
  }
}

TEST(Interest, tells_shards_apart) {
  InterestTable table(1);
  LocalInterest first(&table, ShardId(0));
  LocalInterest last(&table, ShardId(62));
  const auto one = first.add("a/b");
  const auto two = last.add("a/b");
  const auto again = last.add("a/b");
  EXPECT_EQ(table.shards_for("a/b"), 1U | uint64_t{1} << 62);
  EXPECT_EQ(table.shards_for("a/c"), 0U);
  last.remove(two);
  EXPECT_EQ(table.shards_for("a/b"), 1U | uint64_t{1} << 62) << "counted, not only noted";
  last.remove(again);
  EXPECT_EQ(table.shards_for("a/b"), 1U);
  first.remove(one);
  EXPECT_EQ(table.shards_for("a/b"), 0U);
}

TEST(Interest, without_a_table_does_nothing) {
  LocalInterest alone(nullptr, ShardId(0));
  alone.remove(alone.add("a/b"));
}

}  // namespace
}  // namespace tombo::broker
