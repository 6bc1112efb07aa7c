#include "store/durable_state.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "store/frame_store_in_memory.h"

namespace tombo::store {
namespace {

using broker::StoreOp;

/// What a restart is to find of a session.
struct Kept {
  std::string client_id;
  std::map<std::string, int> filters;     ///< with their options
  std::map<uint64_t, std::string> queue;  ///< payloads; "released"
  std::set<uint16_t> received;
  uint64_t next_sequence = 0;

  bool operator==(const Kept&) const = default;
};

using World = std::map<broker::SessionKey, Kept>;

StoreOp op_of(StoreOp::Kind kind, broker::SessionKey key) {
  StoreOp op;
  op.kind = kind;
  op.key = key;
  return op;
}

SharedRef<const mqtt::Message> message(const std::string& topic, const std::string& payload) {
  mqtt::MessageParts parts;
  parts.topic = topic;
  parts.payload = as_bytes(payload);
  return mqtt::Message::make(parts);
}

/// Records at random what shards might, and says what a restart must find.
class Model {
 public:
  explicit Model(uint64_t seed) : random_(seed) {}

  broker::StoreBatch batch(World& world, std::map<std::string, std::string>& retained) {
    batch_ = {};
    for (uint64_t left = 1 + random_.below(10); left > 0; --left) {
      if (world.empty() || random_.one_in(15)) {
        add_session(world);
      } else if (random_.one_in(6)) {
        retain(retained);
      } else if (random_.one_in(3)) {
        publish(world);
      } else {
        const auto chosen =
            std::next(world.begin(), static_cast<ptrdiff_t>(random_.below(world.size())));
        change(world, chosen);
      }
    }
    return std::move(batch_);
  }

 private:
  StoreOp& push(StoreOp::Kind kind, broker::SessionKey key) {
    batch_.ops.push_back(op_of(kind, key));
    return batch_.ops.back();
  }

  void add_session(World& world) {
    const broker::SessionKey key = ++last_key_;
    Kept& kept = world[key];
    kept.client_id = "client" + std::to_string(key);
    put(key, kept);
  }

  void put(broker::SessionKey key, const Kept& kept) {
    auto record = std::make_unique<broker::SessionRecord>();
    record->client_id = kept.client_id;
    push(StoreOp::Kind::session_put, key).session = std::move(record);
  }

  void publish(World& world) {
    const std::string payload = std::to_string(random_.next());
    const auto published = message("t", payload);
    for (auto& [key, kept] : world) {
      if (!random_.one_in(2)) continue;
      StoreOp& op = push(StoreOp::Kind::queue_add, key);
      op.message = published;
      op.bits = 1;
      op.sequence = kept.next_sequence;
      kept.queue[kept.next_sequence++] = payload;
    }
  }

  void retain(std::map<std::string, std::string>& retained) {
    const std::string topic = "r/" + std::to_string(random_.below(5));
    if (random_.one_in(3)) {
      push(StoreOp::Kind::retained_delete, 0).text = topic;
      retained.erase(topic);
      return;
    }
    const std::string payload = std::to_string(random_.next());
    push(StoreOp::Kind::retained_set, 0).message = message(topic, payload);
    retained[topic] = payload;
  }

  void change(World& world, World::iterator chosen) {
    auto& [key, kept] = *chosen;
    const std::string filter = "f" + std::to_string(random_.below(4));
    switch (random_.below(12)) {
      case 0:
        push(StoreOp::Kind::session_delete, key);
        world.erase(chosen);
        return;
      case 1:
        return put(key, kept);
      case 2: {
        StoreOp& op = push(StoreOp::Kind::subscription_put, key);
        op.text = filter;
        op.bits = static_cast<uint8_t>(random_.below(3));
        kept.filters[filter] = op.bits;
        return;
      }
      case 3:
        push(StoreOp::Kind::subscription_delete, key).text = filter;
        kept.filters.erase(filter);
        return;
      case 4: {
        const auto id = static_cast<uint16_t>(1 + random_.below(4));
        if (kept.received.insert(id).second) {
          push(StoreOp::Kind::received_add, key).packet_id = id;
        } else {
          push(StoreOp::Kind::received_delete, key).packet_id = id;
          kept.received.erase(id);
        }
        return;
      }
      case 5:
        if (kept.queue.empty()) return;
        push(StoreOp::Kind::queue_released, key).packet_id = first_id(kept);
        kept.queue.begin()->second = "released";
        return;
      default:
        if (kept.queue.empty()) return;
        push(StoreOp::Kind::queue_done, key).packet_id = first_id(kept);
        kept.queue.erase(kept.queue.begin());
        return;
    }
  }

  static uint16_t first_id(const Kept& kept) {
    return broker::packet_id_of(kept.queue.begin()->first).value();
  }

  Random random_;
  broker::StoreBatch batch_;
  broker::SessionKey last_key_ = 0;
};

struct Found {
  World world;
  std::map<std::string, std::string> retained;
};

std::string text_of(const broker::RestoredSession::Entry& entry) {
  return entry.message ? std::string(as_text(entry.message->payload())) : "released";
}

/// Reads what is left of a queue, a few messages at a time.
void read_rest(DurableState& state, broker::SessionKey key, broker::StoredQueue rest, Kept& kept) {
  while (rest.count != 0) {
    broker::StoreBatch batch;
    batch.reads.push_back({.key = key, .reader = {}, .from = rest.from, .count = 3});
    state.add(std::move(batch));
    state.commit().value();
    size_t pages = 0;
    state
        .read_pages([&](broker::ShardId, const std::unique_ptr<broker::QueuePage>& page) {
          ++pages;
          EXPECT_EQ(page->key, key);
          EXPECT_LE(page->entries.size(), 3U);
          for (const auto& entry : page->entries) {
            EXPECT_GE(entry.sequence, rest.from);
            rest.from = entry.sequence + 1;
            rest.bytes -= entry.message->payload_size();
            --rest.count;
            kept.queue[entry.sequence] = text_of(entry);
          }
        })
        .value();
    ASSERT_EQ(pages, 1U);
    ASSERT_FALSE(state.has_reads());
  }
  EXPECT_EQ(rest.bytes, 0U);
}

Found restart(FrameStore& store) {
  Found found;
  std::map<broker::SessionKey, broker::StoredQueue> rests;
  DurableState state(store, {.queue_in_memory = 4});
  state
      .load(
          [&](const broker::RestoredSession& session) {
            Kept& kept = found.world[session.key];
            kept.client_id = session.record.client_id;
            for (const auto& each : session.subscriptions) kept.filters[each.filter] = each.options;
            for (const auto& entry : session.queue) kept.queue[entry.sequence] = text_of(entry);
            rests[session.key] = session.rest;
            kept.received.insert(session.received.begin(), session.received.end());
          },
          [&found](const SharedRef<const mqtt::Message>& retained) {
            found.retained[std::string(retained->topic())] = as_text(retained->payload());
          })
      .value();
  for (const auto& [key, rest] : rests) read_rest(state, key, rest, found.world[key]);
  return found;
}

void expect_found(FrameStore& store, World world,
                  const std::map<std::string, std::string>& retained) {
  const Found found = restart(store);
  for (auto& [key, kept] : world) kept.next_sequence = 0;  // not kept by these batches
  ASSERT_EQ(found.world, world);
  ASSERT_EQ(found.retained, retained);
}

TEST(DurableState, a_restart_finds_what_was_committed) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Model model(seed);
    FrameStoreInMemory store;
    DurableState state(store);
    World world;
    std::map<std::string, std::string> retained;
    for (int i = 0; i < 60; ++i) {
      const World before = world;
      const auto retained_before = retained;
      for (uint64_t left = 1 + random.below(3); left > 0; --left) {
        state.add(model.batch(world, retained));
      }
      if (random.one_in(4)) {
        store.fails = true;
        const bool was_empty = state.commit().has_value();  // nothing to write, nothing to fail
        ASSERT_TRUE(!was_empty || (world == before && retained == retained_before));
        expect_found(store, before, retained_before);
        store.fails = false;
      }
      ASSERT_TRUE(state.commit());
      state.clean().value();
      expect_found(store, world, retained);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(DurableState, goes_on_after_a_restart) {
  FrameStoreInMemory store;
  Model model(3);
  World world;
  std::map<std::string, std::string> retained;
  for (int run = 0; run < 20; ++run) {
    DurableState state(store);
    state.load([](const broker::RestoredSession&) {}, [](const SharedRef<const mqtt::Message>&) {})
        .value();
    for (int i = 0; i < 10; ++i) {
      state.add(model.batch(world, retained));
      ASSERT_TRUE(state.commit());
    }
    expect_found(store, world, retained);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(DurableState, a_key_is_not_used_again) {
  FrameStoreInMemory store;
  {
    DurableState state(store);
    EXPECT_EQ(state.next_session_key(), 1U);
    broker::StoreBatch batch;
    batch.ops.push_back(op_of(StoreOp::Kind::session_put, 5));
    batch.ops.back().session = std::make_unique<broker::SessionRecord>();
    batch.ops.push_back(op_of(StoreOp::Kind::session_delete, 5));
    state.add(std::move(batch));
    state.commit().value();
  }
  DurableState state(store);
  state.load([](const broker::RestoredSession&) {}, [](const SharedRef<const mqtt::Message>&) {})
      .value();
  EXPECT_GT(state.next_session_key(), 5U);
}

/// Two shards queue one message for a session each; the decision, if any, comes with a third batch.
void queue_for_two(DurableState& state, bool decides) {
  const auto shared = message("t", "x");
  const uint64_t decision = state.next_decision();
  for (const broker::SessionKey key : {1, 2}) {
    broker::StoreBatch batch;
    batch.ops.push_back(op_of(StoreOp::Kind::session_put, key));
    batch.ops.back().session = std::make_unique<broker::SessionRecord>();
    batch.ops.push_back(op_of(StoreOp::Kind::queue_add, key));
    batch.ops.back().message = shared;
    batch.ops.back().bits = 2;
    batch.ops.back().decision = decision;
    state.add(std::move(batch));
  }
  state.commit().value();
  if (!decides) return;
  broker::StoreBatch batch;
  batch.ops.push_back(op_of(StoreOp::Kind::decide, 0));
  batch.ops.back().decision = decision;
  state.add(std::move(batch));
  state.commit().value();
}

TEST(DurableState, what_was_decided_counts_after_a_restart) {
  FrameStoreInMemory store;
  DurableState state(store);
  queue_for_two(state, true);
  const Found found = restart(store);
  EXPECT_EQ(found.world.at(1).queue.size(), 1U);
  EXPECT_EQ(found.world.at(2).queue.size(), 1U);
}

TEST(DurableState, what_was_not_decided_is_dropped_by_a_restart_for_good) {
  FrameStoreInMemory store;
  {
    DurableState state(store);
    queue_for_two(state, false);
  }
  DurableState state(store);
  state
      .load([](const broker::RestoredSession& found) { EXPECT_TRUE(found.queue.empty()); },
            [](const SharedRef<const mqtt::Message>&) {})
      .value();
  EXPECT_GT(state.next_decision(), 1U);
  state.commit().value();
  const Found found = restart(store);
  EXPECT_TRUE(found.world.at(1).queue.empty());
}

TEST(DurableState, what_is_not_decided_is_so_still_when_it_is_written_again) {
  FrameStoreInMemory store;
  DurableState state(store, DurableState::Limits{.small_log = 0});
  broker::StoreBatch done;
  broker::StoreBatch others;
  for (uint16_t id = 11; id < 30; ++id) {
    others.ops.push_back(op_of(StoreOp::Kind::queue_add, 3));
    others.ops.back().sequence = id - 1U;
    others.ops.back().message = message("t", "y");
    done.ops.push_back(op_of(StoreOp::Kind::queue_done, 3));
    done.ops.back().packet_id = id;
  }
  others.ops.insert(others.ops.begin(), op_of(StoreOp::Kind::session_put, 3));
  others.ops.front().session = std::make_unique<broker::SessionRecord>();
  state.add(std::move(others));
  queue_for_two(state, false);
  state.add(std::move(done));
  for (int i = 0; i < 4; ++i) {
    state.commit().value();
    state.clean().value();
  }
  state.commit().value();
  EXPECT_FALSE(store.read(1));
  const Found found = restart(store);
  EXPECT_TRUE(found.world.at(1).queue.empty());
  EXPECT_TRUE(found.world.at(2).queue.empty());
}

TEST(DurableState, what_is_done_before_it_is_committed_leaves_no_frame) {
  FrameStoreInMemory store;
  DurableState state(store);
  broker::StoreBatch batch;
  batch.ops.push_back(op_of(StoreOp::Kind::session_put, 1));
  batch.ops.back().session = std::make_unique<broker::SessionRecord>();
  batch.ops.push_back(op_of(StoreOp::Kind::queue_add, 1));
  batch.ops.back().message = message("t", "x");
  batch.ops.push_back(op_of(StoreOp::Kind::queue_done, 1));
  batch.ops.back().packet_id = 1;
  state.add(std::move(batch));
  state.commit().value();
  EXPECT_EQ(store.frames(), 0U);
}

}  // namespace
}  // namespace tombo::store
