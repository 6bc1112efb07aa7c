#include "broker/interest.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "mqtt/topic.h"

namespace tombo::broker {
namespace {

// A shape in one number: bit 31 marks it as used (so it is never 0), bit 30 a trailing `#`, bits 16
// to 20 the levels in front of it, bits 0 to 15 which of them are `+`.
constexpr uint32_t kUsed = 1U << 31;
constexpr uint32_t kHash = 1U << 30;

constexpr uint32_t make_shape(unsigned depth, uint32_t plus, bool hash) {
  return kUsed | (hash ? kHash : 0) | depth << 16 | plus;
}

constexpr unsigned depth_of(uint32_t shape) {
  return shape >> 16 & 31;
}

// `#` alone and FIRST/# are what everything can be coarsened to; they always have a place.
constexpr uint32_t kEverything = make_shape(0, 0, true);
constexpr uint32_t kFirstLevel = make_shape(1, 0, true);

using LevelHashes = std::array<uint64_t, InterestTable::kDepthMax>;

uint64_t key_of(uint32_t shape, const LevelHashes& levels) {
  uint64_t key = mix64(shape);
  const unsigned depth = depth_of(shape);
  for (unsigned i = 0; i < depth; ++i) {
    if ((shape >> i & 1) == 0) key = mix64(key ^ (levels[i] + i));
  }
  return key;
}

}  // namespace

uint64_t InterestTable::shards_for(std::string_view topic) const {
  LevelHashes levels;
  unsigned hashed = 0;
  unsigned depth = 0;
  std::string_view level;
  for (mqtt::LevelReader reader(topic); reader.next(level); ++depth) {
    if (hashed < kDepthMax) levels[hashed++] = hash64(level, seed_);
  }
  std::array<uint64_t, kShapesMax + 2> keys{};
  unsigned count = 0;
  const auto collect = [&](uint32_t shape) {
    const unsigned wanted = depth_of(shape);
    const bool fits = (shape & kHash) != 0 ? wanted <= depth : wanted == depth;
    if (!fits || count == keys.size()) return;
    keys[count] = key_of(shape, levels);
    masks_.prefetch(keys[count]);
    ++count;
  };
  collect(kEverything);
  collect(kFirstLevel);
  shapes_.for_each(collect);
  uint64_t mask = 0;
  for (unsigned i = 0; i < count; ++i) mask |= masks_.get(keys[i]);
  return mask;
}

InterestTable::Entry InterestTable::enter(std::string_view filter) {
  LevelHashes levels{};
  unsigned depth = 0;
  uint32_t plus = 0;
  bool hash = false;
  std::string_view level;
  for (mqtt::LevelReader reader(filter); reader.next(level);) {
    // Deeper filters are entered as their first sixteen levels and `#`.
    if (level == "#" || depth == kDepthMax) {
      hash = true;
      break;
    }
    if (level == "+") {
      plus |= 1U << depth;
    } else {
      levels[depth] = hash64(level, seed_);
    }
    ++depth;
  }
  uint32_t shape = make_shape(depth, plus, hash);
  const bool basic = shape == kEverything || shape == kFirstLevel;
  if (!basic && !shapes_.add(shape)) {
    shape = (plus & 1) != 0 || depth == 0 ? kEverything : kFirstLevel;
  }
  return {key_of(shape, levels), shape};
}

void InterestTable::leave(const Entry& entry) {
  if (entry.shape != kEverything && entry.shape != kFirstLevel) shapes_.remove(entry.shape);
}

InterestTable::Entry LocalInterest::add(std::string_view filter) {
  if (table_ == nullptr) return {};
  const InterestTable::Entry entry = table_->enter(filter);
  if (++counts_[entry.key] == 1) table_->set(entry.key, shard_);
  return entry;
}

void LocalInterest::remove(const InterestTable::Entry& entry) {
  if (table_ == nullptr) return;
  const auto found = counts_.find(entry.key);
  if (--found->second == 0) {
    table_->clear(entry.key, shard_);
    counts_.erase(found);
  }
  table_->leave(entry);
}

}  // namespace tombo::broker
