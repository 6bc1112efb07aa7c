#include "base/slab.h"

#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include <boost/container_hash/hash.hpp>
#include <gtest/gtest.h>

#include "base/random.h"

namespace tombo {
namespace {

struct Thing {
  explicit Thing(int number, int* living = nullptr) : value(number), counter(living) {
    if (counter != nullptr) ++*counter;
  }

  ~Thing() {
    if (counter != nullptr) --*counter;
  }

  Thing(const Thing&) = delete;
  Thing& operator=(const Thing&) = delete;

  int value;
  int* counter;
};

using ThingId = SlabId<struct ThingTag>;
using Things = Slab<Thing, ThingId>;

TEST(SlabId, names_nothing_by_default) {
  EXPECT_FALSE(ThingId());
  Things things;
  EXPECT_EQ(things.find(ThingId()), nullptr);
}

TEST(SlabId, survives_packing) {
  const ThingId id{7, 9};
  EXPECT_EQ(ThingId::from_packed(id.packed()), id);
  EXPECT_EQ(ThingId().packed(), 0u);
}

TEST(SlabId, is_a_key_of_hash_tables) {
  const std::unordered_set<ThingId> ids{ThingId{1, 1}, ThingId{1, 2}, ThingId{1, 1}};
  EXPECT_EQ(ids.size(), 2u);
  EXPECT_EQ(boost::hash<ThingId>()(ThingId{1, 1}), boost::hash<ThingId>()(ThingId{1, 1}));
}

TEST(Slab, finds_an_object_by_its_id) {
  Things things;
  auto [id, thing] = things.emplace(5);
  EXPECT_TRUE(id);
  EXPECT_EQ(things.find(id), &thing);
  EXPECT_EQ(things.at(id).value, 5);
  EXPECT_EQ(things.at_index(id.index), &thing);
  EXPECT_EQ(things.id_at(id.index), id);
  EXPECT_EQ(things.size(), 1u);
}

TEST(Slab, finds_nothing_by_a_stale_id) {
  Things things;
  const ThingId id = things.emplace(5).first;
  EXPECT_TRUE(things.erase(id));
  EXPECT_EQ(things.find(id), nullptr);
  EXPECT_FALSE(things.erase(id));
  EXPECT_EQ(things.at_index(id.index), nullptr);
  EXPECT_FALSE(things.id_at(id.index));
}

TEST(Slab, finds_nothing_by_an_id_it_never_gave) {
  Things things;
  const ThingId id = things.emplace(5).first;
  EXPECT_EQ(things.find(ThingId{id.index, id.generation + 1}), nullptr);
  EXPECT_EQ(things.find(ThingId{id.index + 1, 0}), nullptr);
  EXPECT_EQ(things.find(ThingId{id.index + 1, id.generation}), nullptr);
  EXPECT_EQ(things.find(ThingId{UINT32_MAX, id.generation}), nullptr);
  EXPECT_EQ(things.at_index(UINT32_MAX), nullptr);
}

TEST(SlabDeathTest, aborts_when_an_object_must_exist_and_does_not) {
  Things things;
  EXPECT_DEATH(static_cast<void>(things.at(ThingId{0, 1})), "stale slab id");
}

TEST(Slab, uses_the_place_left_last_first_under_a_new_id) {
  Things things;
  const ThingId a = things.emplace(1).first;
  const ThingId b = things.emplace(2).first;
  things.erase(a);
  things.erase(b);
  const ThingId c = things.emplace(3).first;
  EXPECT_EQ(c.index, b.index);
  EXPECT_NE(c, b);
  EXPECT_EQ(things.find(b), nullptr);
}

TEST(Slab, keeps_addresses_while_it_grows) {
  Things things;
  std::vector<std::pair<ThingId, Thing*>> made;
  for (int i = 0; i < 1000; ++i) {
    auto [id, thing] = things.emplace(i);
    made.emplace_back(id, &thing);
  }
  for (const auto& [id, thing] : made) EXPECT_EQ(things.find(id), thing);
}

TEST(Slab, destroys_what_is_left) {
  int living = 0;
  {
    Things things;
    for (int i = 0; i < 200; ++i) things.emplace(i, &living);
    EXPECT_EQ(living, 200);
  }
  EXPECT_EQ(living, 0);
}

TEST(Slab, keeps_ids_stale_when_their_chunk_was_freed) {
  Things things;
  std::vector<ThingId> old;
  for (int i = 0; i < 640; ++i) old.push_back(things.emplace(i).first);
  things.clear();
  EXPECT_TRUE(things.empty());
  for (int i = 0; i < 640; ++i) things.emplace(i);
  for (const ThingId id : old) EXPECT_EQ(things.find(id), nullptr);
}

TEST(Slab, gives_the_memory_of_empty_chunks_back) {
  Things things;
  EXPECT_EQ(things.capacity(), 0u);
  for (int i = 0; i < 640; ++i) things.emplace(i);
  EXPECT_EQ(things.capacity(), 640u);
  things.clear();
  EXPECT_EQ(things.capacity(), 64u);
  for (int i = 0; i < 65; ++i) things.emplace(i);
  EXPECT_EQ(things.capacity(), 128u);
}

TEST(Slab, visits_every_object_with_its_id) {
  Things things;
  std::map<uint64_t, int> expected;
  for (int i = 0; i < 150; ++i) expected[things.emplace(i).first.packed()] = i;
  std::map<uint64_t, int> seen;
  things.for_each([&](ThingId id, Thing& thing) { seen[id.packed()] = thing.value; });
  EXPECT_EQ(seen, expected);
}

TEST(Slab, lets_a_visitor_erase_any_object) {
  Things things;
  std::vector<ThingId> ids;
  for (int i = 0; i < 300; ++i) ids.push_back(things.emplace(i).first);
  int visited = 0;
  things.for_each([&](Thing&) {
    ++visited;
    for (const ThingId id : ids) things.erase(id);
  });
  EXPECT_EQ(visited, 1);
  EXPECT_TRUE(things.empty());
}

struct Parent;
using ParentId = SlabId<struct ParentTag>;
using Parents = Slab<Parent, ParentId>;

// Takes its child along, from within its own destructor.
struct Parent {
  Parent(Parents& all, ParentId only_child) : parents(all), child(only_child) {}

  ~Parent() {
    parents.erase(self);
    parents.erase(child);
  }

  Parent(const Parent&) = delete;
  Parent& operator=(const Parent&) = delete;

  Parents& parents;
  ParentId child;
  ParentId self;
};

TEST(Slab, may_be_used_by_the_destructor_of_an_object) {
  Parents parents;
  ParentId last;
  for (int i = 0; i < 200; ++i) {
    auto [id, parent] = parents.emplace(parents, last);
    parent.self = id;
    last = id;
  }
  parents.erase(last);
  EXPECT_TRUE(parents.empty());
}

TEST(Slab, behaves_like_a_map) {
  const uint64_t seed = 20252;
  SCOPED_TRACE(seed);
  Random random(seed);
  Things things;
  std::map<uint64_t, int> model;
  std::unordered_set<uint64_t> stale;
  for (int i = 0; i < 50000; ++i) {
    // Waves, so that chunks come and go.
    const bool growing = i / 2000 % 2 == 0;
    if (model.empty() || random.below(10) < (growing ? 7u : 2u)) {
      const ThingId id = things.emplace(i).first;
      ASSERT_TRUE(model.emplace(id.packed(), i).second);
      ASSERT_FALSE(stale.contains(id.packed()));
    } else {
      auto it = model.lower_bound(random.next());
      if (it == model.end()) it = model.begin();
      ASSERT_EQ(things.at(ThingId::from_packed(it->first)).value, it->second);
      ASSERT_TRUE(things.erase(ThingId::from_packed(it->first)));
      stale.insert(it->first);
      model.erase(it);
    }
    ASSERT_EQ(things.size(), model.size());
  }
  for (const auto& [id, value] : model) EXPECT_EQ(things.at(ThingId::from_packed(id)).value, value);
  for (const uint64_t id : stale) EXPECT_EQ(things.find(ThingId::from_packed(id)), nullptr);
}

}  // namespace
}  // namespace tombo
