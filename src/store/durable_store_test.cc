#include "store/durable_store.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "store/frame_store_in_memory.h"

namespace tombo::store {
namespace {

/// A store that counts its commits, and can be made to fail.
struct Fixture {
  explicit Fixture(bool fails = false) {
    auto frames = std::make_unique<FrameStoreInMemory>();
    frames->fails = fails;
    memory = frames.get();
    store = std::make_unique<DurableStore>(std::move(frames));
  }

  void start() {
    store->start(
        {.committed = [this](broker::ShardId shard,
                             uint64_t number) { committed.emplace_back(shard.value(), number); },
         .page = [](broker::ShardId, const std::unique_ptr<broker::QueuePage>&) {},
         .failed = [this](const Error& error) { failure = error.text; }});
  }

  static broker::StoreBatch batch(unsigned shard, uint64_t number) {
    broker::StoreBatch batch;
    batch.shard = broker::ShardId(static_cast<uint8_t>(shard));
    batch.number = number;
    broker::StoreOp& op = batch.ops.emplace_back();
    op.kind = broker::StoreOp::Kind::session_put;
    op.key = number * 8 + shard;
    op.session = std::make_unique<broker::SessionRecord>();
    return batch;
  }

  FrameStoreInMemory* memory = nullptr;
  std::vector<std::pair<unsigned, uint64_t>> committed;  ///< read after stop()
  std::string failure;
  std::unique_ptr<DurableStore> store;  ///< the last member: its thread uses the others
};

TEST(DurableStore, says_of_every_shard_what_is_safe_and_in_order) {
  Fixture fixture;
  fixture.start();
  constexpr uint64_t kBatches = 500;
  std::vector<Thread> shards;
  for (unsigned shard = 0; shard < 3; ++shard) {
    shards.emplace_back("shard", [&fixture, shard] {
      for (uint64_t number = 1; number <= kBatches; ++number) {
        fixture.store->submit(Fixture::batch(shard, number));
      }
    });
  }
  shards.clear();
  fixture.store->stop();
  std::vector<uint64_t> newest(3);
  for (const auto& [shard, number] : fixture.committed) {
    EXPECT_GT(number, newest[shard]);
    newest[shard] = number;
  }
  EXPECT_EQ(newest, (std::vector<uint64_t>(3, kBatches)));
  size_t sessions = 0;
  fixture.memory
      ->scan(Table::sessions,
             [&sessions](std::string_view, std::string_view) {
               ++sessions;
               return true;
             })
      .value();
  EXPECT_EQ(sessions, 3 * kBatches + 1) << "and the note of used keys";
}

TEST(DurableStore, says_nothing_is_safe_once_a_commit_has_failed) {
  Fixture fixture(true);
  fixture.store->submit(Fixture::batch(0, 1));
  fixture.start();
  fixture.store->submit(Fixture::batch(0, 2));
  fixture.store->stop();
  EXPECT_EQ(fixture.failure, "told to fail");
  EXPECT_TRUE(fixture.committed.empty());
}

}  // namespace
}  // namespace tombo::store
