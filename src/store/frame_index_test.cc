#include "store/frame_index.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "base/random.h"
#include "store/frame_cleaning.h"

namespace tombo::store {
namespace {

mqtt::MessageParts message(const std::string& payload) {
  mqtt::MessageParts parts;
  parts.topic = "t";
  parts.payload = as_bytes(payload);
  return parts;
}

/// A log in memory with its index, and beside it what it should say.
class Log {
 public:
  explicit Log(uint64_t seed) : random_(seed) {}

  void step() {
    writer_.begin();
    for (uint64_t left = 1 + random_.below(8); left > 0; --left) add_something();
    commit();
    if (random_.one_in(3)) clean();
    delete_dead();
  }

  void check() const {
    check(index_);
    FrameIndex restarted;
    for (const auto& [session, queue] : queues_) restarted.add_session(session);
    for (const auto& [number, frame] : frames_) {
      ASSERT_TRUE(restarted.apply(number, frame));
    }
    check(restarted);
    ASSERT_EQ(restarted.front(), index_.front());
  }

  [[nodiscard]] size_t frames() const { return frames_.size(); }

  [[nodiscard]] size_t entries() const {
    size_t sum = 0;
    for (const auto& [session, queue] : queues_) sum += queue.entries.size();
    return sum;
  }

  /// Everything is acknowledged, all ids are given back.
  void finish_all() {
    writer_.begin();
    for (auto& [session, queue] : queues_) {
      for (const auto& [sequence, payload] : queue.entries) {
        writer_.add(DoneRecord{session, sequence});
      }
      for (const uint16_t id : queue.received) writer_.add(ReceivedDoneRecord{session, id});
      queue.entries.clear();
      queue.received.clear();
    }
    commit();
    delete_dead();
  }

  void clean() {
    const auto front = index_.front();
    if (!front) return;
    writer_.begin();
    index_.begin_frame(++last_frame_);
    ASSERT_TRUE(write_living_again(*front, frames_.at(*front), index_, writer_));
    const Bytes frame = writer_.finish();
    index_.end_frame(frame.size());
    frames_[last_frame_].assign(frame.begin(), frame.end());
    writer_.begin();
    EXPECT_NE(index_.front(), front);
  }

  void delete_dead() {
    const FrameIndex::Range dead = index_.take_dead();
    for (FrameNumber number = dead.first; number < dead.last; ++number) frames_.erase(number);
  }

  [[nodiscard]] const FrameIndex& index() const { return index_; }

 private:
  struct Queue {
    uint64_t next = 0;
    std::map<uint64_t, std::string> entries;  ///< by sequence: payload, or "" when released
    std::set<uint16_t> received;
  };

  using Queues = std::map<SessionNumber, Queue>;

  void add_something() {
    if (queues_.empty() || random_.one_in(20)) return add_session();
    const auto chosen =
        std::next(queues_.begin(), static_cast<ptrdiff_t>(random_.below(queues_.size())));
    Queue& queue = chosen->second;
    switch (random_.below(12)) {
      case 0:
        return erase_session(chosen);
      case 1:
      case 2:
      case 3:
      case 4:
        return publish();
      case 5: {
        const auto id = static_cast<uint16_t>(1 + random_.below(5));
        if (queue.received.insert(id).second) writer_.add(ReceivedRecord{chosen->first, id});
        return;
      }
      case 6:
        if (queue.received.empty()) return;
        writer_.add(ReceivedDoneRecord{chosen->first, *queue.received.begin()});
        queue.received.erase(queue.received.begin());
        return;
      case 7:
        return release(chosen);
      default:
        return finish_one(chosen);
    }
  }

  void add_session() {
    queues_.try_emplace(++last_session_);
    index_.add_session(last_session_);
  }

  void erase_session(Queues::iterator chosen) {
    // As the store does: what was said of it in this frame is said before it goes.
    commit();
    index_.erase_session(chosen->first);
    queues_.erase(chosen);
    writer_.begin();
  }

  void publish() {
    const std::string payload = std::to_string(random_.below(1000)) + "x";
    QueueList list;
    for (auto& [session, queue] : queues_) {
      if (!random_.one_in(2)) continue;
      list.add({.session = session, .sequence = queue.next});
      queue.entries[queue.next++] = payload;
    }
    if (list.size() != 0) writer_.add(message(payload), list);
  }

  std::map<uint64_t, std::string>::iterator one_of(Queue& queue) {
    // Mostly from the front, as clients acknowledge.
    const uint64_t reach = std::min<uint64_t>(queue.entries.size(), 4);
    return std::next(queue.entries.begin(), static_cast<ptrdiff_t>(random_.below(reach)));
  }

  void release(Queues::iterator chosen) {
    if (chosen->second.entries.empty()) return;
    const auto entry = one_of(chosen->second);
    if (entry->second.empty()) return;
    writer_.add(ReleasedRecord{chosen->first, entry->first});
    entry->second.clear();
  }

  void finish_one(Queues::iterator chosen) {
    if (chosen->second.entries.empty()) return;
    const auto entry = one_of(chosen->second);
    writer_.add(DoneRecord{chosen->first, entry->first});
    chosen->second.entries.erase(entry);
  }

  void commit() {
    if (writer_.empty()) return;
    const Bytes frame = writer_.finish();
    ASSERT_TRUE(index_.apply(++last_frame_, frame));
    frames_[last_frame_].assign(frame.begin(), frame.end());
    writer_.begin();
  }

  [[nodiscard]] std::string payload_at(FrameIndex::Place place) const {
    const auto frame = frames_.find(place.frame);
    if (frame == frames_.end()) return "no such frame";
    Result<FrameReader> reader = FrameReader::open(frame->second);
    for (uint32_t index = 0;;) {
      const Result<std::optional<FrameRecord>> record = reader->next();
      if (!record->has_value()) return "no such message";
      const auto* found = std::get_if<MessageRecord>(&**record);
      if (found == nullptr || index++ != place.index) continue;
      return std::string(as_text(found->parts.payload));
    }
  }

  void check(const FrameIndex& index) const {
    for (const auto& [session, queue] : queues_) {
      std::map<uint64_t, std::string> found;
      for (const FrameIndex::Entry& entry : index.entries(session, 0, SIZE_MAX)) {
        found[entry.sequence] = entry.place ? payload_at(*entry.place) : "";
      }
      ASSERT_EQ(found, queue.entries);
      const std::vector<uint16_t> ids = index.received(session);
      ASSERT_EQ(std::set<uint16_t>(ids.begin(), ids.end()), queue.received);
    }
  }

  Random random_;
  FrameIndex index_;
  FrameWriter writer_;
  std::map<FrameNumber, std::vector<uint8_t>> frames_;
  Queues queues_;
  SessionNumber last_session_ = 0;
  FrameNumber last_frame_ = 0;
};

TEST(FrameIndex, is_the_same_after_a_restart_with_the_frames_that_are_left) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Log log(seed);
    for (int i = 0; i < 100; ++i) {
      log.step();
      if (i % 10 == 9) log.check();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(FrameIndex, lets_go_of_every_frame_when_all_is_done) {
  Log log(7);
  for (int i = 0; i < 300; ++i) log.step();
  EXPECT_GT(log.frames(), 0U);
  log.finish_all();
  EXPECT_EQ(log.frames(), 0U);
  EXPECT_EQ(log.index().bytes(), 0U);
  EXPECT_EQ(log.index().live_bytes(), 0U);
}

TEST(FrameIndex, cleaning_keeps_the_log_as_long_as_what_lives) {
  Log log(11);
  for (int i = 0; i < 2000; ++i) log.step();
  // One step cleans a frame in three, so what is old has been written again long ago.
  for (int i = 0; i < 2000 && log.frames() > log.entries(); ++i) {
    log.clean();
    log.delete_dead();
  }
  EXPECT_LE(log.frames(), std::max<size_t>(log.entries(), 1));
  log.check();
}

TEST(FrameIndex, finds_the_oldest_entry_of_a_packet_id) {
  FrameIndex index;
  index.add_session(1);
  index.begin_frame(1);
  for (uint64_t sequence = 7; sequence < 7 + 2 * 65'535; ++sequence) {
    ASSERT_TRUE(index.add(1, sequence, 0));
  }
  EXPECT_EQ(index.find(1, packet_id_of(7)), 7U);
  EXPECT_EQ(index.find(1, packet_id_of(6)), 65'535U + 6);
  index.finish(1, 7);
  EXPECT_EQ(index.find(1, packet_id_of(7)), 65'535U + 7);
  index.finish(1, 65'535 + 7);
  EXPECT_EQ(index.find(1, packet_id_of(7)), std::nullopt);
  EXPECT_EQ(index.find(2, 1), std::nullopt);
}

TEST(FrameIndex, is_worth_cleaning_when_more_is_dead_than_alive) {
  FrameIndex index;
  index.add_session(1);
  const std::string payload(1 << 20, 'x');
  FrameWriter writer;
  const auto publish = [&](FrameNumber number, uint64_t sequence) {
    writer.begin();
    QueueList list;
    list.add({.session = 1, .sequence = sequence});
    writer.add(message(payload), list);
    ASSERT_TRUE(index.apply(number, writer.finish()));
  };
  for (uint64_t i = 0; i < 80; ++i) publish(i + 1, i);
  EXPECT_FALSE(index.worth_cleaning()) << "all of it lives";
  writer.begin();
  for (uint64_t i = 1; i < 80; ++i) writer.add(DoneRecord{1, i});
  ASSERT_TRUE(index.apply(81, writer.finish()));
  EXPECT_TRUE(index.worth_cleaning());
  EXPECT_EQ(index.front(), 1U);
}

}  // namespace
}  // namespace tombo::store
