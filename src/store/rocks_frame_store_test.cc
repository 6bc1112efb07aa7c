#include "store/rocks_frame_store.h"

#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>

namespace tombo::store {
namespace {

class RocksFrameStoreTest : public ::testing::Test {
 protected:
  RocksFrameStoreTest() {
    std::string pattern = ::testing::TempDir() + "tombo-store-XXXXXX";
    folder = ::mkdtemp(pattern.data());
  }

  ~RocksFrameStoreTest() override { std::filesystem::remove_all(folder); }

  [[nodiscard]] std::string path() const { return (folder / "store").string(); }

  [[nodiscard]] std::unique_ptr<RocksFrameStore> open() const {
    Result<std::unique_ptr<RocksFrameStore>> store = RocksFrameStore::open({.path = path()});
    EXPECT_TRUE(store) << store.error().text;
    return std::move(*store);
  }

  static std::map<FrameNumber, std::string> frames(RocksFrameStore& store) {
    std::map<FrameNumber, std::string> found;
    store
        .scan_frames([&found](FrameNumber number, std::string_view frame) {
          found[number] = frame;
          return true;
        })
        .value();
    return found;
  }

  static std::map<std::string, std::string> table(RocksFrameStore& store, Table table) {
    std::map<std::string, std::string> found;
    store
        .scan(table,
              [&found](std::string_view key, std::string_view value) {
                found[std::string(key)] = value;
                return true;
              })
        .value();
    return found;
  }

  static Commit frame(FrameNumber number, std::string_view bytes) {
    Commit commit;
    commit.frame = number;
    commit.frame_bytes = as_bytes(bytes);
    return commit;
  }

  std::filesystem::path folder;
};

TEST_F(RocksFrameStoreTest, keeps_commits_over_a_restart) {
  const std::string large(100'000, 'x');
  {
    const auto store = open();
    Commit commit = frame(1, "one");
    using Kind = Change::Kind;
    commit.changes = {{Kind::put, Table::sessions, "1", "s"},
                      {Kind::put, Table::retained, "a/b", large},
                      {Kind::put, Table::subscriptions, "1a", "x"},
                      {Kind::put, Table::subscriptions, "1b", "x"},
                      {Kind::put, Table::subscriptions, "2a", "x"}};
    store->commit(commit).value();
    store->commit(frame(2, large)).value();
    commit = frame(300, "three");
    commit.changes = {{Change::Kind::erase, Table::sessions, "1", ""},
                      {Change::Kind::erase_prefix, Table::subscriptions, "1", ""}};
    commit.dead_first = 1;
    commit.dead_last = 2;
    store->commit(commit).value();
  }
  const auto store = open();
  EXPECT_EQ(frames(*store), (std::map<FrameNumber, std::string>{{2, large}, {300, "three"}}));
  EXPECT_TRUE(table(*store, Table::sessions).empty());
  EXPECT_EQ(table(*store, Table::subscriptions), (std::map<std::string, std::string>{{"2a", "x"}}));
  EXPECT_EQ(table(*store, Table::retained).at("a/b"), large);
  EXPECT_EQ(*store->read(2), large);
  EXPECT_FALSE(store->read(1));
}

TEST_F(RocksFrameStoreTest, scans_until_it_is_told_to_stop) {
  const auto store = open();
  for (FrameNumber number = 1; number <= 3; ++number) store->commit(frame(number, "f")).value();
  int seen = 0;
  store->scan_frames([&seen](FrameNumber, std::string_view) { return ++seen < 2; }).value();
  EXPECT_EQ(seen, 2);
}

TEST_F(RocksFrameStoreTest, is_for_its_owner_only) {
  const auto store = open();
  EXPECT_EQ(std::filesystem::status(path()).permissions(), std::filesystem::perms::owner_all);
}

TEST_F(RocksFrameStoreTest, can_be_read_while_it_is_in_use) {
  const auto store = open();
  ASSERT_TRUE(store->commit(frame(1, "first")));
  const auto reader = RocksFrameStore::open_to_read(path());
  ASSERT_TRUE(reader) << reader.error().text;
  ASSERT_TRUE(store->commit(frame(2, "second")));
  EXPECT_EQ(frames(**reader), (std::map<FrameNumber, std::string>{{1, "first"}}));
  EXPECT_FALSE((*reader)->commit(frame(3, "third")));
  EXPECT_EQ(frames(*store).size(), 2U) << "the store has not changed";
  EXPECT_TRUE((*reader)->verify());
}

TEST_F(RocksFrameStoreTest, copies_itself_while_in_use) {
  const auto store = open();
  store->commit(frame(1, "one")).value();
  const std::string copy = (folder / "copy").string();
  store->checkpoint(copy).value();
  store->commit(frame(2, "two")).value();
  const auto copied = RocksFrameStore::open({.path = copy});
  EXPECT_EQ(frames(**copied), (std::map<FrameNumber, std::string>{{1, "one"}}));
  EXPECT_FALSE(store->checkpoint(copy)) << "a copy is not written over";
}

TEST_F(RocksFrameStoreTest, is_in_use_once_only) {
  const auto store = open();
  EXPECT_FALSE(RocksFrameStore::open({.path = path()}));
}

TEST_F(RocksFrameStoreTest, leaves_the_store_of_a_newer_tombo_alone) {
  open().reset();
  std::ofstream(path() + "/VERSION") << "7\n";
  const auto before = std::filesystem::last_write_time(path() + "/rocksdb");
  const auto store = RocksFrameStore::open({.path = path()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().text, "store " + path() +
                                    ": its format is \"7\", and only 1 is known: a newer tombo "
                                    "wrote it");
  EXPECT_EQ(std::filesystem::last_write_time(path() + "/rocksdb"), before);
}

TEST_F(RocksFrameStoreTest, says_why_a_foldercannot_be_used) {
  std::ofstream(path()) << "a file";
  const auto store = RocksFrameStore::open({.path = path()});
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().text.find("store " + path()), std::string::npos) << store.error().text;
}

}  // namespace
}  // namespace tombo::store
