#include "base/sync/keyed_table.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/sync/thread.h"

namespace tombo {
namespace {

struct Counter {
  uint64_t count = 0;
  bool may_go = false;

  [[nodiscard]] bool idle(Time /*now*/) const { return may_go; }
};

using Table = KeyedTable<Counter>;
constexpr size_t kEntries = Table::kWays * Table::kLocks;  // 64 sets
constexpr Time kStart{Duration(1000)};

uint64_t up(Table& table, uint64_t key, Time now = kStart) {
  return table.visit(key, now, [](Counter& counter) { return ++counter.count; });
}

/// The n-th key of set 0.
constexpr uint64_t in_set_0(uint64_t n) {
  return (n + 1) * Table::kLocks;
}

TEST(KeyedTable, remembers_as_many_keys_of_a_set_as_it_has_ways) {
  Table table(kEntries);
  for (int round = 1; round <= 3; ++round) {
    for (uint64_t n = 0; n < Table::kWays; ++n) EXPECT_EQ(up(table, in_set_0(n)), round);
  }
}

TEST(KeyedTable, forgets_the_one_not_visited_for_longest) {
  Table table(kEntries);
  for (uint64_t n = 0; n < Table::kWays; ++n) up(table, in_set_0(n), kStart + Duration(n));
  up(table, in_set_0(0), kStart + Duration(100));
  EXPECT_EQ(up(table, in_set_0(50), kStart + Duration(101)), 1);  // takes the place of 1
  EXPECT_EQ(up(table, in_set_0(0), kStart + Duration(102)), 3);
  EXPECT_EQ(up(table, in_set_0(2), kStart + Duration(103)), 2);
  EXPECT_EQ(up(table, in_set_0(1), kStart + Duration(104)), 1);
}

TEST(KeyedTable, forgets_an_idle_one_first) {
  Table table(kEntries);
  for (uint64_t n = 0; n < Table::kWays; ++n) up(table, in_set_0(n), kStart + Duration(n));
  table.visit(in_set_0(5), kStart + Duration(20), [](Counter& counter) { counter.may_go = true; });
  up(table, in_set_0(50), kStart + Duration(21));
  EXPECT_EQ(up(table, in_set_0(0), kStart + Duration(22)), 2);
  EXPECT_EQ(up(table, in_set_0(5), kStart + Duration(23)), 1);
}

TEST(KeyedTable, key_zero_is_a_key) {
  Table table(kEntries);
  EXPECT_EQ(up(table, 0), 1);
  EXPECT_EQ(up(table, 0), 2);
}

TEST(KeyedTable, threads_lose_no_visit) {
  constexpr uint64_t kKeys = 16;
  constexpr uint64_t kRounds = 5000;
  Table table(4096);
  {
    std::vector<Thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back("visit", [&table] {
        for (uint64_t round = 0; round < kRounds; ++round) up(table, mix64(1 + round % kKeys));
      });
    }
  }
  uint64_t sum = 0;
  for (uint64_t key = 1; key <= kKeys; ++key) sum += up(table, mix64(key)) - 1;
  EXPECT_EQ(sum, 4 * kRounds);
}

}  // namespace
}  // namespace tombo
