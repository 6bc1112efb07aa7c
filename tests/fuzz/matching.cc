#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "broker/interest.h"
#include "broker/retained.h"
#include "broker/topic_tree.h"
#include "fuzz/input.h"
#include "mqtt/topic.h"

/// The structures that find subscriptions and retained messages against plain lists of them,
/// through any order of coming and going: the topic tree, the interest of shards, the retained
/// store with several replays under way. Input: steps of one byte and a text that ends with a line
/// feed.
namespace tombo::fuzz {
namespace {

using broker::ReplayId;
using broker::ShardId;
using broker::Subscriber;
using broker::TopicTree;

constexpr uint64_t kSeed = 42;
constexpr unsigned kShards = 3;
constexpr size_t kTextMax = 300;

/// Subscriptions of three shards: each has a tree, one table tells who may want a topic.
class Subscriptions {
 public:
  Subscriptions() {
    for (unsigned i = 0; i < kShards; ++i) shards_.emplace_back(&interest_, shard_id(i));
  }

  void add(unsigned number, std::string_view filter) {
    Shard& shard = shards_[number];
    bool added = false;
    const TopicTree::Leaf leaf = shard.tree.find_or_add(filter, added);
    CHECK(added == !shard.known.contains(std::string(filter)));
    CHECK(shard.tree.filter(leaf) == filter && shard.tree.find(filter) == leaf);
    if (added) shard.tree.interest(leaf) = shard.local.add(filter);
    shard.tree.add(leaf, {.index = next_});
    shard.known[std::string(filter)].insert(next_++);
  }

  /// The subscriber at a position of the filter's leaf goes; with the last one the leaf.
  void remove(unsigned number, std::string_view filter, uint8_t position) {
    Shard& shard = shards_[number];
    const TopicTree::Leaf leaf = shard.tree.find(filter);
    const auto known = shard.known.find(std::string(filter));
    CHECK((leaf == TopicTree::kNone) == (known == shard.known.end()));
    if (leaf == TopicTree::kNone) return;
    const auto subscribers = shard.tree.subscribers(leaf);
    const auto at = static_cast<uint32_t>(position % subscribers.size());
    const uint32_t gone = subscribers[at].index;
    const uint32_t last = subscribers.back().index;
    const Subscriber* moved = shard.tree.remove(leaf, at);
    CHECK((moved == nullptr) == (gone == last) && (moved == nullptr || moved->index == last));
    CHECK(known->second.erase(gone) == 1);
    if (!known->second.empty()) return;
    shard.local.remove(shard.tree.interest(leaf));
    shard.tree.drop(leaf);
    shard.known.erase(known);
  }

  void check(std::string_view topic) const {
    const uint64_t mask = interest_.shards_for(topic);
    for (unsigned i = 0; i < kShards; ++i) {
      std::multiset<uint32_t> found;
      shards_[i].tree.match(topic, [&found](std::span<const Subscriber> subscribers) {
        for (const Subscriber& each : subscribers) found.insert(each.index);
      });
      std::multiset<uint32_t> wanted;
      for (const auto& [filter, subscribers] : shards_[i].known) {
        if (mqtt::topic_matches(filter, topic))
          wanted.insert(subscribers.begin(), subscribers.end());
      }
      CHECK(found == wanted, "the tree finds others than there are");
      CHECK(wanted.empty() || (mask >> i & 1) != 0, "a shard's interest was forgotten");
    }
  }

  void clear() {
    for (unsigned i = 0; i < kShards; ++i) {
      while (!shards_[i].known.empty()) remove(i, std::string(shards_[i].known.begin()->first), 0);
      shards_[i].tree.for_each([](std::string_view, size_t) { CHECK(false, "a leaf is left"); });
    }
    CHECK(interest_.masks().size() == 0 && interest_.shards_for("a/b") == 0);
  }

 private:
  struct Shard {
    Shard(broker::InterestTable* interest, ShardId id) : local(interest, id) {}

    TopicTree tree{kSeed};
    broker::LocalInterest local;
    std::map<std::string, std::set<uint32_t>> known;
  };

  static ShardId shard_id(unsigned i) { return ShardId(static_cast<uint8_t>(i)); }

  broker::InterestTable interest_{kSeed};
  std::vector<Shard> shards_;
  uint32_t next_ = 0;
};

/// Retained messages, and replays that go on while messages come and go.
class Retained {
 public:
  void set(std::string_view topic, uint8_t payload) {
    const std::string text(payload, 'x');
    store_.set(mqtt::Message::make(
        {.topic = topic, .properties = {}, .payload = as_bytes(text), .retain = true}));
    if (payload == 0) {
      known_.erase(std::string(topic));
    } else {
      known_[std::string(topic)] = payload;
    }
    for (Replay& replay : replays_) replay.stable.erase(std::string(topic));
    CHECK(store_.size() == known_.size());
    const mqtt::Message* found = store_.find(topic);
    CHECK((found == nullptr) == (payload == 0));
    CHECK(found == nullptr || (found->topic() == topic && found->payload_size() == payload));
  }

  void start(std::string_view filter) {
    if (replays_.size() == 8) return;
    Replay replay{.id = store_.start(filter), .filter = std::string(filter)};
    for (const auto& [topic, payload] : known_) {
      if (mqtt::topic_matches(filter, topic)) replay.stable.insert(topic);
    }
    replays_.push_back(std::move(replay));
  }

  /// A page of one of the replays.
  void next(uint8_t which, size_t page) {
    if (replays_.empty()) return;
    Replay& replay = replays_[which % replays_.size()];
    std::vector<SharedRef<const mqtt::Message>> messages;
    const bool more = store_.next(replay.id, page, 0, messages);
    CHECK(messages.size() <= page);
    for (const auto& message : messages) {
      const std::string topic(message->topic());
      CHECK(mqtt::topic_matches(replay.filter, topic), "a message that does not match");
      const auto known = known_.find(topic);
      CHECK(known != known_.end() && known->second == message->payload_size(), "an old message");
      replay.stable.erase(topic);
    }
    if (more) return;
    CHECK(replay.stable.empty(), "a message that was there all the time is missing");
    replays_.erase(replays_.begin() + (&replay - replays_.data()));
  }

  void stop(uint8_t which) {
    if (replays_.empty()) return;
    const auto at = replays_.begin() + which % static_cast<ptrdiff_t>(replays_.size());
    store_.stop(at->id);
    replays_.erase(at);
  }

  void clear() {
    while (!replays_.empty()) next(0, 64);
    while (!known_.empty()) set(std::string(known_.begin()->first), 0);
    CHECK(store_.size() == 0 && store_.bytes() == 0 && store_.nodes() == 1, "something is left");
  }

 private:
  struct Replay {
    ReplayId id;
    std::string filter;
    std::set<std::string> stable{};  ///< matched at the start, not touched since, not seen yet
  };

  broker::RetainedStore store_{kSeed};
  std::map<std::string, uint8_t> known_;
  std::vector<Replay> replays_;
};

/// Filters of many shapes: beyond the table's places they are entered coarser.
void add_many(Subscriptions& subscriptions, unsigned shard, std::string_view filter) {
  for (unsigned i = 0; i < 40; ++i) {
    std::string deep(filter);
    for (unsigned bit = 0; bit < 6; ++bit) deep.insert(0, (i >> bit & 1) != 0 ? "+/" : "a/");
    subscriptions.add(shard, deep);
  }
}

void step_with_filter(Subscriptions& subscriptions, Retained& retained, uint8_t code,
                      std::string_view filter) {
  const uint8_t argument = code / 4;
  switch (code % 4) {
    case 0:
      return subscriptions.add(argument % kShards, filter);
    case 1:
      return subscriptions.remove(argument % kShards, filter, argument / kShards);
    case 2:
      return retained.start(filter);
    default:
      return add_many(subscriptions, argument % kShards, filter);
  }
}

void step_with_topic(const Subscriptions& subscriptions, Retained& retained, uint8_t code,
                     std::string_view topic) {
  const uint8_t argument = code / 4;
  switch (code % 4) {
    case 0:
      return subscriptions.check(topic);
    case 1:
      return retained.set(topic, argument % 4);
    case 2:
      return retained.next(argument % 8, size_t{1} << (argument / 8 % 8));
    default:
      return retained.stop(argument);
  }
}

void run(Input input) {
  Subscriptions subscriptions;
  Retained retained;
  for (int steps = 0; steps < 300 && !input.empty(); ++steps) {
    const uint8_t code = input.u8();
    const std::string_view text = input.text_until('\n').substr(0, kTextMax);
    if (code % 2 == 0) {
      if (mqtt::valid_topic_filter(text)) {
        step_with_filter(subscriptions, retained, code / 2, text);
      }
    } else if (mqtt::valid_topic_name(text)) {
      step_with_topic(subscriptions, retained, code / 2, text);
    }
  }
  subscriptions.clear();
  retained.clear();
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}
