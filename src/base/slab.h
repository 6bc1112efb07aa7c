#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/check.h"

namespace tombo {

/// Names an object of a Slab.  Once the object is gone the id is stale and finds nothing, even
/// after its place is used again.  Default constructed it names nothing.
template <class Tag>
struct SlabId {
  uint32_t index = 0;
  uint32_t generation = 0;

  constexpr explicit operator bool() const { return generation != 0; }

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 trips over the zero of the ordering.
  constexpr auto operator<=>(const SlabId&) const = default;

  [[nodiscard]] constexpr uint64_t packed() const { return uint64_t{generation} << 32 | index; }

  [[nodiscard]] static constexpr SlabId from_packed(uint64_t packed) {
    return {static_cast<uint32_t>(packed), static_cast<uint32_t>(packed >> 32)};
  }

  /// For boost::hash.
  friend std::size_t hash_value(SlabId id) noexcept { return std::hash<uint64_t>()(id.packed()); }
};

/// Objects at stable addresses, found by an id of index and generation.
/// Home: one thread.  Memory: chunks of 64 objects, 5 bytes an object beside the object; an emptied
/// chunk is freed, but for one that is kept as a spare.  The place left last is used first.
/// Bound: 2^32 - 64 objects; owners bound it lower.
///   using ConnId = SlabId<struct ConnTag>;
///   Slab<Connection, ConnId> connections;
///   auto [id, connection] = connections.emplace(socket);
///   if (Connection* c = connections.find(id)) c->close();
template <class T, class Id>
class Slab {
 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  ~Slab() { clear(); }

  [[nodiscard]] size_t size() const { return size_; }

  [[nodiscard]] bool empty() const { return size_ == 0; }

  /// Objects there is memory for.
  [[nodiscard]] size_t capacity() const { return allocated_ * kChunk; }

  template <class... Args>
  std::pair<Id, T&> emplace(Args&&... args) {
    if (open_ == kNone) add_chunk();
    const uint32_t number = open_;
    Chunk& chunk = *chunks_[number].memory;
    if (spare_ == number) spare_ = kNone;
    const uint32_t place = chunk.first_free;
    chunk.first_free = chunk.next_free[place];
    ++chunk.used;
    if (chunk.used == kChunk) unlink_open(number);
    T* object = std::construct_at(chunk.object(place), std::forward<Args>(args)...);
    ++chunk.generations[place];
    ++size_;
    return {Id{number * kChunk + place, chunk.generations[place]}, *object};
  }

  /// Null when the object is gone or never was.
  [[nodiscard]] T* find(Id id) { return lookup(id.index, id.generation); }

  [[nodiscard]] const T* find(Id id) const { return lookup(id.index, id.generation); }

  /// Requires: the object exists; aborts otherwise.
  [[nodiscard]] T& at(Id id) {
    T* object = find(id);
    CHECK(object != nullptr, "stale slab id");
    return *object;
  }

  [[nodiscard]] const T& at(Id id) const {
    const T* object = find(id);
    CHECK(object != nullptr, "stale slab id");
    return *object;
  }

  /// The object whose id has this index now, or null.
  [[nodiscard]] T* at_index(uint32_t index) { return lookup(index, generation_at(index)); }

  [[nodiscard]] const T* at_index(uint32_t index) const {
    return lookup(index, generation_at(index));
  }

  /// The id of the object at this index, or none.
  [[nodiscard]] Id id_at(uint32_t index) const {
    const uint32_t generation = generation_at(index);
    return is_live(generation) ? Id{index, generation} : Id{};
  }

  /// Destroys the object.  False, and nothing happens, when the id is stale.
  bool erase(Id id) {
    T* object = find(id);
    if (object == nullptr) return false;
    const uint32_t number = id.index / kChunk;
    const uint32_t place = id.index % kChunk;
    Chunk& chunk = *chunks_[number].memory;
    // The id is stale before the destructor runs, the place is free after it: the destructor may
    // use this slab.
    ++chunk.generations[place];
    --size_;
    std::destroy_at(object);
    chunk.next_free[place] = chunk.first_free;
    chunk.first_free = static_cast<uint8_t>(place);
    if (chunk.used != kChunk) unlink_open(number);
    link_open(number);
    if (--chunk.used == 0) keep_as_spare(number);
    return true;
  }

  /// Destroys all objects.  Their ids stay stale for ever.
  void clear() {
    for_each([this](Id id, T&) { erase(id); });
  }

  /// Calls f(id, object) or f(object) for every object, in the order of indices.  `f` may erase any
  /// object, also its own; whether it meets the ones it emplaces is open.
  template <class F>
  void for_each(F&& f) {
    for (uint32_t number = 0; number < chunks_.size(); ++number) {
      for (uint32_t place = 0; place < kChunk && chunks_[number].memory != nullptr; ++place) {
        const uint32_t index = number * kChunk + place;
        T* object = at_index(index);
        if (object == nullptr) continue;
        if constexpr (std::is_invocable_v<F&, Id, T&>) {
          f(id_at(index), *object);
        } else {
          f(*object);
        }
      }
    }
  }

 private:
  static constexpr uint32_t kChunk = 64;
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Chunk {
    // Odd while an object lives there, so an id is never equal to the state of a vacant place and
    // never 0; goes up by one at each emplace and each erase.
    std::array<uint32_t, kChunk> generations;
    std::array<uint8_t, kChunk> next_free;
    uint8_t first_free;
    uint8_t used;
    alignas(T) std::array<std::byte, sizeof(T) * kChunk> storage;

    T* object(uint32_t place) {
      return std::launder(reinterpret_cast<T*>(storage.data() + sizeof(T) * place));
    }
  };

  struct Entry {
    std::unique_ptr<Chunk> memory;
    uint32_t previous = kNone;  // In the list of chunks with free places,
    uint32_t next = kNone;      // or, without memory, in the list of vacant entries.
    // Where the generations of a new chunk start: no lower than those of the one freed before it.
    uint32_t generation = 0;
  };

  static constexpr bool is_live(uint32_t generation) { return (generation & 1) != 0; }

  [[nodiscard]] uint32_t generation_at(uint32_t index) const {
    const uint32_t number = index / kChunk;
    if (number >= chunks_.size() || chunks_[number].memory == nullptr) return 0;
    return chunks_[number].memory->generations[index % kChunk];
  }

  [[nodiscard]] T* lookup(uint32_t index, uint32_t generation) const {
    if (!is_live(generation) || generation_at(index) != generation) return nullptr;
    return chunks_[index / kChunk].memory->object(index % kChunk);
  }

  void add_chunk() {
    uint32_t number = vacant_;
    if (number == kNone) {
      number = static_cast<uint32_t>(chunks_.size());
      CHECK(number < UINT32_MAX / kChunk, "slab is full");
      chunks_.emplace_back();
    } else {
      vacant_ = chunks_[number].next;
    }
    Entry& entry = chunks_[number];
    entry.memory = std::make_unique_for_overwrite<Chunk>();
    ++allocated_;
    entry.memory->generations.fill(entry.generation);
    for (uint32_t i = 0; i < kChunk; ++i) entry.memory->next_free[i] = static_cast<uint8_t>(i + 1);
    entry.memory->first_free = 0;
    entry.memory->used = 0;
    link_open(number);
  }

  // One spare, so that a slab that wavers around a multiple of 64 does not allocate all the time.
  void keep_as_spare(uint32_t number) {
    const uint32_t old = std::exchange(spare_, number);
    if (old == kNone) return;
    unlink_open(old);
    Entry& entry = chunks_[old];
    entry.generation = std::ranges::max(entry.memory->generations);
    entry.memory = nullptr;
    --allocated_;
    entry.next = std::exchange(vacant_, old);
  }

  void link_open(uint32_t number) {
    Entry& entry = chunks_[number];
    entry.previous = kNone;
    entry.next = std::exchange(open_, number);
    if (entry.next != kNone) chunks_[entry.next].previous = number;
  }

  void unlink_open(uint32_t number) {
    const Entry& entry = chunks_[number];
    if (entry.previous == kNone) {
      open_ = entry.next;
    } else {
      chunks_[entry.previous].next = entry.next;
    }
    if (entry.next != kNone) chunks_[entry.next].previous = entry.previous;
  }

  std::vector<Entry> chunks_;
  uint32_t open_ = kNone;    // First chunk with a free place: the one left last.
  uint32_t vacant_ = kNone;  // First entry without memory.
  uint32_t spare_ = kNone;   // The one chunk without an object.
  size_t allocated_ = 0;     // Chunks with memory.
  size_t size_ = 0;
};

}  // namespace tombo

template <class Tag>
struct std::hash<tombo::SlabId<Tag>> {
  std::size_t operator()(tombo::SlabId<Tag> id) const noexcept { return hash_value(id); }
};
