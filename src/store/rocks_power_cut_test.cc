#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "store/durable_store.h"
#include "store/rocks_frame_store.h"
#include "store/rocks_test_files.h"

// A store that failed stays open: what RocksDB had scheduled for it, and the threads of RocksDB's
// pool, go with the process.
#ifdef __SANITIZE_THREAD__
extern "C" const char* __tsan_default_options() {
  return "report_thread_leaks=0";
}
#endif
#ifdef __SANITIZE_ADDRESS__
extern "C" const char* __lsan_default_suppressions() {
  return "leak:rocksdb::DBImpl::MaybeScheduleFlushOrCompaction\n";
}
#endif

// The committer's thread over RocksDB over a disk that loses what was not synced.
namespace tombo::store {
namespace {

using broker::StoreOp;

constexpr unsigned kShards = 3;
/// So many messages of a shard are not done with.
constexpr uint64_t kQueued = 20;

/// Batch `number` of a shard: sets a retained message, queues a message, is done with an old one.
/// Whatever is found of it later has to be all of it.
broker::StoreBatch batch_of(unsigned shard, uint64_t number) {
  broker::StoreBatch batch;
  batch.shard = broker::ShardId(static_cast<uint8_t>(shard));
  batch.number = number;
  const auto push = [&batch, shard](StoreOp::Kind kind) -> StoreOp& {
    StoreOp& op = batch.ops.emplace_back();
    op.kind = kind;
    op.key = shard + 1;
    return op;
  };
  const auto message = [](const std::string& topic, const std::string& payload) {
    auto made = mqtt::Message::make(
        {.topic = topic, .properties = {}, .payload = as_bytes(payload), .retain = true});
    made->share_across_shards();
    return made;
  };
  if (number == 1) {
    push(StoreOp::Kind::session_put).session = std::make_unique<broker::SessionRecord>();
  }
  const std::string payload = std::to_string(number) + "," + std::string(number % 7 * 200, 'x');
  push(StoreOp::Kind::retained_set).message = message(std::to_string(shard), payload);
  StoreOp& queued = push(StoreOp::Kind::queue_add);
  queued.message = message("queued", payload);
  queued.sequence = number;
  queued.bits = 1;
  if (number > kQueued) {
    push(StoreOp::Kind::queue_done).packet_id = broker::packet_id_of(number - kQueued).value();
  }
  return batch;
}

uint64_t number_of(const mqtt::Message& message) {
  return std::stoull(std::string(as_text(message.payload())));
}

/// A broker's store, run again and again on the same folder.
class PowerCutTest : public ::testing::Test {
 protected:
  PowerCutTest() {
    // Stores that failed keep their files open.
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    std::string pattern = ::testing::TempDir() + "tombo-cut-XXXXXX";
    folder = ::mkdtemp(pattern.data());
  }

  ~PowerCutTest() override {
    store.reset();
    std::filesystem::remove_all(folder);
  }

  /// False: the power went.
  bool open(Durability durability, uint64_t cut_after = UINT64_MAX) {
    files = std::make_shared<TestFileSystem>(random.next());
    environment = rocksdb::NewCompositeEnv(files);
    files->cut_after(cut_after);
    Result<std::unique_ptr<RocksFrameStore>> frames =
        RocksFrameStore::open({.path = path().string(),
                               .durability = durability,
                               .reserve = kReserve,
                               .environment = environment.get(),
                               .write_buffer = size_t{64} << 10});
    EXPECT_TRUE(frames || files->is_cut()) << frames.error().text;
    if (!frames) return false;
    store = std::make_unique<DurableStore>(std::move(*frames),
                                           DurableStore::Options{.durability = durability});
    if (!load_and_check()) return false;
    told_failure.clear();
    store->start({.committed =
                      [this, durability](broker::ShardId shard, uint64_t number) {
                        const std::lock_guard lock(mutex);
                        EXPECT_TRUE(told_failure.empty() || durability != Durability::fsync)
                            << "nothing is acknowledged after a failure";
                        told_committed[shard.value()] = number;
                      },
                  .failed =
                      [this](const Error& error) {
                        const std::lock_guard lock(mutex);
                        told_failure = error.text;
                      },
                  .full =
                      [this](bool is_full) {
                        const std::lock_guard lock(mutex);
                        told_full.push_back(is_full);
                      }});
    return true;
  }

  /// What the store has is whole batches, in order, and no fewer than were committed.
  bool load_and_check() {
    std::map<std::string, uint64_t> retained;
    std::map<uint64_t, std::vector<uint64_t>> queues;
    const Result<void> loaded = store->load(
        [&queues](broker::RestoredSession session) {
          for (const auto& entry : session.queue) {
            EXPECT_EQ(number_of(*entry.message), entry.sequence);
            queues[session.key].push_back(entry.sequence);
          }
        },
        [&retained](SharedRef<const mqtt::Message> message) {
          retained[std::string(message->topic())] = number_of(*message);
        });
    EXPECT_TRUE(loaded || files->is_cut()) << loaded.error().text;
    if (!loaded) return false;
    for (unsigned shard = 0; shard < kShards; ++shard) {
      const uint64_t found = retained[std::to_string(shard)];
      if (checks_committed) {
        EXPECT_GE(found, std::max(told_committed[shard], newest[shard]));
      }
      EXPECT_LE(found, submitted[shard]);
      std::vector<uint64_t> expected;
      for (uint64_t i = found > kQueued ? found - kQueued + 1 : 1; i <= found; ++i) {
        expected.push_back(i);
      }
      EXPECT_EQ(queues[shard + 1], expected);
      newest[shard] = submitted[shard] = found;
    }
    told_committed.assign(kShards, 0);
    return true;
  }

  /// Shards record until it fails, or have recorded so much.
  void run(uint64_t batches) {
    std::vector<Thread> shards;
    for (unsigned shard = 0; shard < kShards; ++shard) {
      shards.emplace_back("shard", [this, shard, batches] {
        for (uint64_t left = batches; left > 0 && !files->is_cut(); --left) {
          store->submit(batch_of(shard, ++submitted[shard]));
        }
      });
    }
    shards.clear();
  }

  void close() {
    store->stop();
    store.reset();
  }

  std::string failure() {
    const std::lock_guard lock(mutex);
    return told_failure;
  }

  uint64_t committed(unsigned shard) {
    const std::lock_guard lock(mutex);
    return told_committed[shard];
  }

  [[nodiscard]] std::filesystem::path path() const { return folder / "store"; }

  std::vector<bool> full() {
    const std::lock_guard lock(mutex);
    return told_full;
  }

  template <class Condition>
  static void wait_for(const Condition& condition) {
    WorkQueue<bool> never(0, 0);
    for (int i = 0; i < 20'000 && !condition(); ++i) {
      static_cast<void>(never.wait_closed(Duration(1)));
    }
    EXPECT_TRUE(condition());
  }

  static constexpr uint64_t kReserve = 1 << 20;

  std::filesystem::path folder;
  Random random{1};
  std::shared_ptr<TestFileSystem> files;  // Of this start. A store that failed keeps its own.
  std::unique_ptr<rocksdb::Env> environment;
  std::mutex mutex;
  std::string told_failure;
  std::vector<bool> told_full;
  std::vector<uint64_t> told_committed = std::vector<uint64_t>(kShards);
  std::vector<uint64_t> newest = std::vector<uint64_t>(kShards);  // At the last start.
  std::vector<uint64_t> submitted = std::vector<uint64_t>(kShards);
  bool checks_committed = true;
  std::unique_ptr<DurableStore> store;
};

TEST_F(PowerCutTest, finds_all_that_was_committed_and_nothing_by_halves) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int kCuts = 60;
#else
  constexpr int kCuts = 200;
#endif
  for (int cut = 0; cut < kCuts && !HasFailure(); ++cut) {
    // The power may go again while the broker starts.
    const bool at_start = random.one_in(4);
    if (open(Durability::fsync, at_start ? random.below(100) : UINT64_MAX)) {
      files->cut_after(random.below(100));
      run(100);
      close();
    }
    files->drop_unsynced();
  }
  EXPECT_GT(newest[0], uint64_t{kCuts}) << "something was committed between the cuts";
}

TEST_F(PowerCutTest, with_os_a_kill_loses_nothing_and_a_power_cut_keeps_the_order) {
  for (int end = 0; end < 60 && !HasFailure(); ++end) {
    ASSERT_TRUE(open(Durability::os));
    const bool power = random.one_in(2);
    // What the kernel has is there when only the process ends.
    files->cut_after(random.below(100));
    run(100);
    close();
    checks_committed = !power;
    if (power) {
      files->drop_unsynced();
      newest.assign(kShards, 0);
    }
  }
}

TEST_F(PowerCutTest, with_os_what_was_committed_is_synced_soon) {
  ASSERT_TRUE(open(Durability::os));
  run(100);
  wait_for([this] { return committed(0) == 100; });
  const uint64_t unsynced = files->unsynced();
  EXPECT_GT(unsynced, 0U);
  wait_for([this] { return files->unsynced() == 0; });
  files->cut_after(0);
  close();
  files->drop_unsynced();
  ASSERT_TRUE(open(Durability::os));
  EXPECT_EQ(newest[0], 100U);
}

TEST_F(PowerCutTest, none_gives_what_was_committed_to_the_kernel_soon) {
  ASSERT_TRUE(open(Durability::none));
  const uint64_t before = files->unsynced();
  run(10);
  wait_for([this] { return committed(0) == 10; });
  wait_for([&] { return files->unsynced() > before; });
  files->cut_after(0);
  close();
  ASSERT_TRUE(open(Durability::none));
  EXPECT_EQ(newest[0], 10U);
}

TEST_F(PowerCutTest, acknowledges_nothing_after_a_write_or_sync_has_failed) {
  for (const auto fault :
       {TestFileSystem::Fault::failing_writes, TestFileSystem::Fault::failing_syncs}) {
    ASSERT_TRUE(open(Durability::fsync));
    run(50);
    wait_for([this] { return committed(0) == submitted[0]; });
    files->set_fault(fault);
    run(50);
    wait_for([this] { return !failure().empty(); });
    EXPECT_NE(failure().find("Input/output error"), std::string::npos) << failure();
    files->set_fault(TestFileSystem::Fault::none);
    run(50);
    close();
    EXPECT_TRUE(full().empty()) << "that is another thing";
  }
  ASSERT_TRUE(open(Durability::fsync));
}

class FullDiskTest : public PowerCutTest,
                     public ::testing::WithParamInterface<TestFileSystem::Fault> {};

TEST_P(FullDiskTest, waits_until_there_is_room_and_goes_on) {
  for (int times = 0; times < 12 && !HasFailure(); ++times) {
    ASSERT_TRUE(open(Durability::fsync));
    run(50);
    files->set_fault(GetParam());
    run(50);
    wait_for([this] { return !full().empty() && full().back(); });
    EXPECT_EQ(failure(), "");
    const bool cut = random.one_in(3);
    if (cut) files->cut_after(0);
    files->set_fault(TestFileSystem::Fault::none);
    if (!cut) {
      wait_for([this] { return !full().back(); });
      wait_for([this] { return committed(2) == submitted[2]; });
      run(50);
    }
    close();
    files->drop_unsynced();
    told_full.clear();
  }
  ASSERT_TRUE(open(Durability::fsync));
}

INSTANTIATE_TEST_SUITE_P(PowerCutTest, FullDiskTest,
                         ::testing::Values(TestFileSystem::Fault::full,
                                           TestFileSystem::Fault::quota));

TEST_F(PowerCutTest, says_that_the_disk_is_full_while_there_is_a_reserve) {
  ASSERT_TRUE(open(Durability::fsync));
  run(10);
  wait_for([this] { return committed(0) == 10; });
  // It is there before it has its size.
  wait_for([this] {
    std::error_code missing;
    return std::filesystem::file_size(path() / "reserve", missing) == kReserve;
  });
  files->set_free(kReserve - 1);
  run(1);
  wait_for([this] { return full() == std::vector<bool>{true}; });
  run(10);
  wait_for([this] { return committed(0) == 21; });
  files->set_free(kReserve);
  wait_for([this] { return full() == std::vector<bool>{true, false}; });
  close();
}

TEST_F(PowerCutTest, stops_although_the_disk_is_full) {
  ASSERT_TRUE(open(Durability::fsync));
  files->set_fault(TestFileSystem::Fault::full);
  run(10);
  wait_for([this] { return !full().empty(); });
  close();
  EXPECT_EQ(committed(0), 0U);
  EXPECT_FALSE(std::filesystem::exists(path() / "reserve")) << "it was used up first";
  checks_committed = false;
  ASSERT_TRUE(open(Durability::fsync));
}

}  // namespace
}  // namespace tombo::store
