#include "base/sync/shared_ref.h"

#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/sync/thread.h"

namespace tombo {
namespace {

/// One allocation of a header and a text, as the broker's messages are.
class Note : public SharedCount {
 public:
  static SharedRef<Note> make(std::string_view text, int& destroyed) {
    void* memory = ::operator new(sizeof(Note) + text.size());
    Note* note = new (memory) Note(text.size(), destroyed);
    std::memcpy(static_cast<void*>(note + 1), text.data(), text.size());
    return SharedRef<Note>::adopt(note);
  }

  static void destroy(const Note* note) {
    ++note->destroyed_;
    note->~Note();
    ::operator delete(const_cast<Note*>(note));
  }

  std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), size_}; }

 private:
  Note(size_t size, int& destroyed) : size_(size), destroyed_(destroyed) {}

  ~Note() = default;

  size_t size_;
  int& destroyed_;
};

static_assert(sizeof(SharedRef<Note>) == 8);

class SharedRefTest : public testing::Test {
 protected:
  int destroyed = 0;
  SharedRef<Note> note = Note::make("hello", destroyed);
};

TEST_F(SharedRefTest, destroys_the_object_with_the_last_reference) {
  SharedRef<Note> second = note;
  EXPECT_EQ(note->use_count(), 2u);
  note.reset();
  EXPECT_EQ(destroyed, 0);
  EXPECT_EQ(second->text(), "hello");
  second.reset();
  EXPECT_EQ(destroyed, 1);
}

TEST_F(SharedRefTest, counts_nothing_when_it_moves) {
  SharedRef<Note> moved = std::move(note);
  EXPECT_EQ(moved->use_count(), 1u);
  SharedRef<Note>& same = moved;
  moved = std::move(same);
  EXPECT_EQ(moved->text(), "hello");
}

TEST_F(SharedRefTest, may_be_null) {
  SharedRef<Note> none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(none.get(), nullptr);
  none = note;
  EXPECT_EQ(none, note);
  none = nullptr;
  EXPECT_EQ(note->use_count(), 1u);
}

TEST_F(SharedRefTest, becomes_a_reference_to_const) {
  const SharedRef<const Note> reader = note;
  EXPECT_EQ(reader->text(), "hello");
  EXPECT_EQ(note->use_count(), 2u);
}

TEST_F(SharedRefTest, leaves_its_count_to_the_caller) {
  Note* raw = note.release();
  EXPECT_FALSE(note);
  EXPECT_EQ(raw->use_count(), 1u);
  note = SharedRef<Note>::adopt(raw);
  EXPECT_EQ(SharedRef<Note>::share(*raw)->use_count(), 2u);
}

TEST_F(SharedRefTest, counts_many_references_at_once) {
  for (const bool shared : {false, true}) {
    if (shared) note->share_across_shards();
    note->add(10);
    EXPECT_EQ(note->use_count(), 11u);
    EXPECT_FALSE(note->drop(10));
  }
  note->add(4);
  EXPECT_TRUE(note->drop(5));
  Note::destroy(note.release());
}

TEST_F(SharedRefTest, may_be_announced_as_shared_more_than_once) {
  EXPECT_FALSE(note->crosses_shards());
  note->share_across_shards();
  note->share_across_shards();
  EXPECT_TRUE(note->crosses_shards());
}

TEST(SharedRefRace, is_destroyed_once_by_whichever_thread_is_last) {
  for (int round = 0; round < 200; ++round) {
    int destroyed = 0;
    SharedRef<Note> note = Note::make("shared by four", destroyed);
    const SharedRef<Note> local = note;
    note->share_across_shards();
    std::vector<Thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back("sharer", [mine = note]() mutable {
        for (int n = 0; n < 20; ++n) {
          const SharedRef<const Note> copy = mine;
          mine->share_across_shards();
          EXPECT_EQ(copy->text(), "shared by four");
        }
        mine.reset();
      });
    }
    note.reset();
    for (Thread& thread : threads) thread.join();
    EXPECT_EQ(local->use_count(), 1u);
    EXPECT_EQ(destroyed, 0);
  }
}

TEST(SharedRefRace, may_end_on_another_thread) {
  for (int round = 0; round < 200; ++round) {
    int destroyed = 0;
    SharedRef<Note> note = Note::make("handed over", destroyed);
    note->share_across_shards();
    Thread a("a", [mine = note]() mutable { mine.reset(); });
    Thread b("b", [mine = std::move(note)]() mutable { mine.reset(); });
    a.join();
    b.join();
    EXPECT_EQ(destroyed, 1);
  }
}

}  // namespace
}  // namespace tombo
