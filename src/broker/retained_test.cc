#include "broker/retained.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "mqtt/topic.h"

namespace tombo::broker {
namespace {

using MessageRef = SharedRef<const mqtt::Message>;

uint64_t first_seed() {
  const int given = testing::UnitTest::GetInstance()->random_seed();
  return given == 0 ? 1 : static_cast<uint64_t>(given);
}

MessageRef message(std::string_view topic, std::string_view payload, int64_t expires_at_ms = 0) {
  return mqtt::Message::make({.topic = topic,
                              .properties = {},
                              .payload = as_bytes(payload),
                              .retain = true,
                              .expires_at_ms = expires_at_ms});
}

/// Everything that a filter finds, in pages.
std::map<std::string, std::string> read_all(RetainedStore& store, std::string_view filter,
                                            size_t page, int64_t wall_ms = 0) {
  std::map<std::string, std::string> found;
  const ReplayId cursor = store.start(filter);
  for (bool more = true; more;) {
    std::vector<MessageRef> messages;
    more = store.next(cursor, page, wall_ms, messages);
    EXPECT_LE(messages.size(), page);
    for (const MessageRef& each : messages) {
      EXPECT_TRUE(found.emplace(each->topic(), as_text(each->payload())).second)
          << "twice: " << each->topic();
    }
  }
  return found;
}

/// The store and beside it a map.
class Pair {
 public:
  explicit Pair(uint64_t seed) : store_(seed), random_(seed) {}

  std::string random_topic() {
    const std::string topic = random_levels({"", "a", "b", "cc", "$x"}, 1 + random_.below(4));
    return topic.empty() ? "a" : topic;
  }

  std::string random_filter() {
    if (random_.one_in(8)) return "#";
    std::string filter = random_levels({"", "a", "b", "cc", "$x", "+", "+"}, 1 + random_.below(4));
    if (random_.one_in(3)) filter += "/#";
    return filter.empty() ? "/" : filter;
  }

  void change() {
    const std::string topic = random_topic();
    const std::string payload = random_.one_in(3) ? "" : std::to_string(++next_);
    store_.set(message(topic, payload));
    changed_.insert(topic);
    if (payload.empty()) {
      map_.erase(topic);
    } else {
      map_[topic] = payload;
    }
  }

  [[nodiscard]] std::map<std::string, std::string> expected(std::string_view filter) const {
    std::map<std::string, std::string> matching;
    for (const auto& [topic, payload] : map_) {
      if (mqtt::topic_matches(filter, topic)) matching.emplace(topic, payload);
    }
    return matching;
  }

  void compare(const std::string& filter) {
    EXPECT_EQ(read_all(store_, filter, 1 + random_.below(5)), expected(filter)) << filter;
    EXPECT_EQ(store_.size(), map_.size());
  }

  /// Changes between pages: what did not change comes exactly once, nothing comes that was never
  /// there, and what comes is what is there in that moment.
  void compare_with_changes(const std::string& filter) {
    const auto before = expected(filter);
    changed_.clear();
    const ReplayId cursor = store_.start(filter);
    std::set<std::string> seen;
    for (bool more = true; more;) {
      std::vector<MessageRef> page;
      more = store_.next(cursor, 3, 0, page);
      for (const MessageRef& each : page) {
        const std::string topic(each->topic());
        EXPECT_TRUE(seen.insert(topic).second) << filter << " twice: " << topic;
        EXPECT_TRUE(mqtt::topic_matches(filter, topic)) << filter << ' ' << topic;
        const auto now = map_.find(topic);
        ASSERT_NE(now, map_.end()) << topic;
        EXPECT_EQ(as_text(each->payload()), now->second) << topic;
      }
      for (int i = 0; i < 3; ++i) change();
    }
    for (const auto& [topic, payload] : before) {
      if (!changed_.contains(topic)) {
        EXPECT_TRUE(seen.contains(topic)) << filter << ' ' << topic;
      }
    }
  }

  void clear() {
    for (const auto& [topic, payload] : map_) store_.set(message(topic, ""));
    map_.clear();
    EXPECT_EQ(store_.size(), 0U);
    EXPECT_EQ(store_.bytes(), 0U);
  }

 private:
  std::string random_levels(const std::vector<std::string>& levels, uint64_t count) {
    std::string text;
    for (uint64_t i = 0; i < count; ++i) {
      if (i != 0) text += '/';
      text += levels[random_.below(levels.size())];
    }
    return text;
  }

  RetainedStore store_;
  Random random_;
  std::map<std::string, std::string> map_;
  std::set<std::string> changed_;
  int next_ = 0;
};

TEST(RetainedStore, is_a_map_read_by_filter) {
  for (uint64_t seed = first_seed(); seed < first_seed() + 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair pair(seed);
    for (int step = 0; step < 300; ++step) {
      pair.change();
      pair.compare(pair.random_filter());
    }
    pair.clear();
    pair.compare("#");
  }
}

TEST(RetainedStore, gives_every_unchanged_message_once_whatever_changes_between_pages) {
  for (uint64_t seed = first_seed(); seed < first_seed() + 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair pair(seed);
    for (int step = 0; step < 100; ++step) {
      for (int i = 0; i < 10; ++i) pair.change();
      pair.compare_with_changes(pair.random_filter());
      pair.compare(pair.random_filter());
    }
    pair.clear();
    pair.compare("#");
  }
}

TEST(RetainedStore, reads_in_pages_of_the_size_asked_for) {
  RetainedStore store(1);
  for (int i = 0; i < 130; ++i) store.set(message("t/" + std::to_string(i), "x"));
  const ReplayId cursor = store.start("t/+");
  std::vector<MessageRef> page;
  EXPECT_TRUE(store.next(cursor, 64, 0, page));
  EXPECT_EQ(page.size(), 64U);
  EXPECT_TRUE(store.next(cursor, 64, 0, page));
  EXPECT_EQ(page.size(), 128U);
  EXPECT_FALSE(store.next(cursor, 64, 0, page));
  EXPECT_EQ(page.size(), 130U);
  EXPECT_FALSE(store.next(cursor, 64, 0, page)) << "the cursor has ended";
}

TEST(RetainedStore, visits_a_bounded_number_of_nodes_for_a_page) {
  RetainedStore store(1);
  const size_t topics = 3 * RetainedStore::kVisitsMax;
  for (size_t i = 0; i < topics; ++i) store.set(message("t/" + std::to_string(i) + "/no", "x"));
  const ReplayId cursor = store.start("t/+/yes");
  std::vector<MessageRef> page;
  EXPECT_TRUE(store.next(cursor, 64, 0, page)) << "nothing found yet, and not at the end";
  int pages = 1;
  while (store.next(cursor, 64, 0, page)) ++pages;
  EXPECT_TRUE(page.empty());
  EXPECT_LE(pages, 20);
}

TEST(RetainedStore, keeps_nodes_for_a_cursor_and_frees_them_after_it) {
  RetainedStore store(1);
  for (int i = 0; i < 10; ++i) store.set(message("t/" + std::to_string(i), "x"));
  const ReplayId cursor = store.start("t/+");
  std::vector<MessageRef> page;
  EXPECT_TRUE(store.next(cursor, 2, 0, page));
  for (int i = 0; i < 10; ++i) store.set(message("t/" + std::to_string(i), ""));
  store.set(message("t/3", "back"));
  store.set(message("u", "new"));
  page.clear();
  while (store.next(cursor, 2, 0, page)) {
  }
  EXPECT_LE(page.size(), 1U);
  EXPECT_EQ(read_all(store, "#", 9),
            (std::map<std::string, std::string>{{"t/3", "back"}, {"u", "new"}}));
}

TEST(RetainedStore, does_not_grow_while_a_cursor_rests) {
  RetainedStore store(1);
  for (int i = 0; i < 10; ++i) store.set(message("kept/" + std::to_string(i), "x"));
  const ReplayId cursor = store.start("#");
  std::vector<MessageRef> messages;
  ASSERT_TRUE(store.next(cursor, 3, 0, messages));
  const size_t before = store.nodes();
  for (int i = 0; i < 1000; ++i) {
    const std::string topic = "brief/" + std::to_string(i);
    store.set(message(topic, "x"));
    store.set(message(topic, ""));
  }
  EXPECT_EQ(store.nodes(), before);
  for (int i = 0; i < 10; ++i) store.set(message("kept/" + std::to_string(i), ""));
  EXPECT_LE(store.nodes(), 4u);  // what the cursor stands on
  messages.clear();
  EXPECT_FALSE(store.next(cursor, 100, 0, messages));
  EXPECT_TRUE(messages.empty());
  EXPECT_EQ(store.nodes(), 1u);
}

TEST(RetainedStore, stops_a_cursor_and_ignores_unknown_ones) {
  RetainedStore store(1);
  store.set(message("a", "x"));
  const ReplayId cursor = store.start("#");
  store.stop(cursor);
  store.stop(cursor);
  std::vector<MessageRef> page;
  EXPECT_FALSE(store.next(cursor, 9, 0, page));
  EXPECT_TRUE(page.empty());
}

TEST(RetainedStore, leaves_expired_messages_out_and_sweeps_them) {
  RetainedStore store(1);
  store.set(message("a", "x", 1000));
  store.set(message("b", "x", 2000));
  store.set(message("c", "x"));
  EXPECT_EQ(read_all(store, "#", 9, 999).size(), 3U);
  EXPECT_EQ(read_all(store, "#", 9, 1000).size(), 2U);
  EXPECT_EQ(read_all(store, "a", 9, 1000).size(), 0U);
  EXPECT_EQ(store.size(), 3U);
  while (!store.sweep(2000, 1)) {
  }
  EXPECT_EQ(store.size(), 1U);
  EXPECT_EQ(store.bytes(), store.find("c")->footprint());
}

TEST(RetainedStore, counts_bytes_when_messages_are_replaced) {
  RetainedStore store(1);
  store.set(message("a", "short"));
  store.set(message("a", "rather longer"));
  EXPECT_EQ(store.size(), 1U);
  EXPECT_EQ(store.bytes(), store.find("a")->footprint());
  EXPECT_EQ(as_text(store.find("a")->payload()), "rather longer");
  store.set(message("a", ""));
  EXPECT_EQ(store.find("a"), nullptr);
  EXPECT_EQ(store.bytes(), 0U);
}

}  // namespace
}  // namespace tombo::broker
