#include "base/sync/mask_table.h"

#include <array>
#include <atomic>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/random.h"
#include "base/sync/fence.h"
#include "base/sync/thread.h"

namespace tombo {
namespace {

TEST(MaskTable, knows_no_key_at_first) {
  const MaskTable table;
  EXPECT_EQ(table.get(1), 0u);
  EXPECT_EQ(table.get(0), 0u);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_LE(table.memory(), 4096u);
}

TEST(MaskTable, sets_and_clears_bits_of_a_key) {
  MaskTable table;
  table.set(7, 0);
  table.set(7, 63);
  table.set(7, 63);
  table.prefetch(7);
  EXPECT_EQ(table.get(7), 1u | uint64_t{1} << 63);
  table.clear(7, 0);
  EXPECT_EQ(table.get(7), uint64_t{1} << 63);
  EXPECT_EQ(table.size(), 1u);
  table.clear(7, 63);
  EXPECT_EQ(table.get(7), 0u);
  EXPECT_EQ(table.size(), 0u);
}

TEST(MaskTable, takes_key_zero_as_any_other) {
  MaskTable table;
  table.set(0, 5);
  EXPECT_EQ(table.get(0), uint64_t{1} << 5);
  EXPECT_EQ(table.size(), 1u);
  table.clear(0, 5);
  EXPECT_EQ(table.get(0), 0u);
}

TEST(MaskTable, clears_what_was_never_set) {
  MaskTable table;
  table.clear(9, 3);
  table.set(9, 1);
  table.clear(9, 3);
  EXPECT_EQ(table.get(9), 2u);
}

TEST(MaskTable, grows_and_keeps_every_mask) {
  MaskTable table;
  for (uint64_t key = 1; key <= 5000; ++key) table.set(key, key % 64);
  for (uint64_t key = 1; key <= 5000; ++key) ASSERT_EQ(table.get(key), uint64_t{1} << (key % 64));
  EXPECT_EQ(table.get(5001), 0u);
  EXPECT_EQ(table.size(), 5000u);
  EXPECT_TRUE(table.has_retired());
}

TEST(MaskTable, frees_retired_slots_when_told) {
  MaskTable table;
  for (uint64_t key = 1; key <= 5000; ++key) table.set(key, 1);
  const size_t before = table.memory();
  table.reclaim(table.begin_reclaim());
  EXPECT_FALSE(table.has_retired());
  EXPECT_LT(table.memory(), before);
  EXPECT_LE(table.memory(), size_t{5000} * 64);
  EXPECT_EQ(table.begin_reclaim(), 0u);
  EXPECT_EQ(table.get(77), 2u);
}

TEST(MaskTable, keeps_what_was_retired_after_the_reclaim_began) {
  MaskTable table;
  for (uint64_t key = 1; key <= 500; ++key) table.set(key, 1);
  const uint64_t ticket = table.begin_reclaim();
  for (uint64_t key = 501; key <= 5000; ++key) table.set(key, 1);
  table.reclaim(ticket);
  EXPECT_TRUE(table.has_retired());
  EXPECT_GT(table.begin_reclaim(), ticket);
}

TEST(MaskTable, uses_dead_slots_again) {
  MaskTable table;
  for (uint64_t key = 1; key <= 100'000; ++key) {
    table.set(key, 1);
    table.clear(key, 1);
    table.reclaim(table.begin_reclaim());
  }
  EXPECT_EQ(table.memory(), 4096u);
}

TEST(MaskTable, shrinks_when_most_keys_are_gone) {
  MaskTable table;
  for (uint64_t key = 1; key <= 20'000; ++key) table.set(key, 1);
  for (uint64_t key = 1; key <= 20'000; ++key) table.clear(key, 1);
  table.reclaim(table.begin_reclaim());
  EXPECT_LE(table.memory(), 4096u);
}

TEST(MaskTable, behaves_like_a_map) {
  const uint64_t seed = 20253;
  SCOPED_TRACE(seed);
  Random random(seed);
  MaskTable table;
  std::map<uint64_t, uint64_t> model;
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t key = mix64(random.below(3000));
    // Two bits, so that keys die and come back all the time.
    const auto bit = static_cast<unsigned>(62 + random.below(2));
    // Waves, so that the table grows and shrinks.
    if (random.below(10) < (i / 10'000 % 2 == 0 ? 8u : 1u)) {
      table.set(key, bit);
      model[key] |= uint64_t{1} << bit;
    } else {
      table.clear(key, bit);
      model[key] &= ~(uint64_t{1} << bit);
    }
    ASSERT_EQ(table.get(key), model[key]) << "step " << i;
  }
  for (const auto& [key, mask] : model) EXPECT_EQ(table.get(key), mask);
}

/// Two writers and two readers on one table that grows, shrinks and reuses slots.
class MaskTableRace : public testing::Test {
 protected:
  static constexpr uint64_t kKeys = 600;
  static constexpr unsigned kWriters = 2;
  static constexpr unsigned kReaders = 2;

  void write(unsigned writer) {
    Random random(writer);
    for (int i = 0; i < 40'000; ++i) {
      // Each writer has its own bit and walks through all keys, most of them set, then most clear.
      const uint64_t key = random.below(kKeys);
      std::atomic<uint32_t>& version = versions[writer][key];
      const uint32_t now = version.load(std::memory_order_relaxed);
      const bool want = random.below(10) < (i / 5000 % 2 == 0 ? 9u : 1u);
      if (want && now % 2 == 0) {
        table.set(mix64(key), writer);
        version.store(now + 1, std::memory_order_release);
      } else if (!want && now % 2 == 1) {
        version.store(now + 1, std::memory_order_release);
        table.clear(mix64(key), writer);
      }
      // Keys of no interest to the readers fill the dead slots.
      const uint64_t filler = mix64(1'000'000 + writer * 1'000'000 + random.below(2000));
      random.one_in(2) ? table.set(filler, 60) : table.clear(filler, 60);
      if (writer == 0 && i % 16 == 0) reclaim();
    }
    ++finished;
  }

  void reclaim() {
    if (!pending.empty()) {
      if (!fence.passed(pending)) return;
      table.reclaim(ticket);
      pending.clear();
    }
    if (!table.has_retired()) return;
    ticket = table.begin_reclaim();
    pending = fence.snapshot();
    ++reclaims;
  }

  void read(unsigned reader) {
    Random random(100 + reader);
    while (finished.load(std::memory_order_relaxed) < kWriters) {
      const uint64_t key = random.below(kKeys);
      const auto writer = static_cast<unsigned>(random.below(kWriters));
      const std::atomic<uint32_t>& version = versions[writer][key];
      const uint32_t before = version.load(std::memory_order_acquire);
      const uint64_t mask = table.get(mix64(key));
      const uint32_t after = version.load(std::memory_order_acquire);
      // Set before the get began and not cleared before it ended.
      if (before % 2 == 1 && before == after && (mask >> writer & 1) == 0) ++misses;
      fence.pass(reader);
    }
    fence.set_idle(reader, true);
  }

  MaskTable table;
  Fence fence{kReaders};
  std::array<std::array<std::atomic<uint32_t>, kKeys>, kWriters> versions{};
  std::atomic<unsigned> finished{0};
  std::atomic<unsigned> misses{0};
  // Of writer 0.
  Fence::Snapshot pending;
  uint64_t ticket = 0;
  int reclaims = 0;
};

TEST_F(MaskTableRace, never_misses_a_bit_that_was_set) {
  std::vector<Thread> threads;
  for (unsigned i = 0; i < kReaders; ++i) threads.emplace_back("reader", [this, i] { read(i); });
  for (unsigned i = 0; i < kWriters; ++i) threads.emplace_back("writer", [this, i] { write(i); });
  threads.clear();
  EXPECT_EQ(misses.load(), 0u);
  EXPECT_GT(reclaims, 0);
}

}  // namespace
}  // namespace tombo
