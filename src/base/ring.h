#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace tombo {

/// A growable FIFO in 16 bytes.
/// Memory: none before the first push and none after clear(); grows by doubling, shrinks by halving
/// when less than a quarter is used.  A ring that runs empty keeps at most 8 places, so a queue
/// that is used now and then does not allocate each time.
/// Bound: 2^31 elements; owners bound it lower.  T must be nothrow-movable, it may be move-only.
/// Any push, pop or erase invalidates references and iterators.
template <class T>
class Ring {
  template <class Value>
  class Iterator;

 public:
  using value_type = T;
  using iterator = Iterator<T>;
  using const_iterator = Iterator<const T>;

  Ring() = default;

  Ring(Ring&& other) noexcept
      : slots_(std::exchange(other.slots_, nullptr)),
        head_(std::exchange(other.head_, 0)),
        size_(std::exchange(other.size_, 0)) {}

  Ring& operator=(Ring&& other) noexcept {
    if (this != &other) {
      clear();
      std::swap(slots_, other.slots_);
      std::swap(head_, other.head_);
      std::swap(size_, other.size_);
    }
    return *this;
  }

  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  ~Ring() { clear(); }

  [[nodiscard]] size_t size() const { return size_; }

  [[nodiscard]] bool empty() const { return size_ == 0; }

  /// Places allocated.
  [[nodiscard]] size_t capacity() const { return slots_ == nullptr ? 0 : header()->capacity; }

  T& push_back(T value) {
    make_room();
    T* place = std::construct_at(slot(size_), std::move(value));
    ++size_;
    return *place;
  }

  T& push_front(T value) {
    make_room();
    head_ = (head_ - 1) & mask();
    ++size_;
    return *std::construct_at(slot(0), std::move(value));
  }

  /// Requires: !empty().
  T pop_front() {
    DCHECK(!empty());
    T* first = slot(0);
    T value = std::move(*first);
    std::destroy_at(first);
    head_ = (head_ + 1) & mask();
    --size_;
    give_back();
    return value;
  }

  /// Takes out the `i`th element from the front; the others keep their order.
  /// Requires: i < size().  Cost: the shorter way to either end.
  void erase_at(size_t i) {
    DCHECK(i < size_);
    std::destroy_at(slot(i));
    if (i < size_ / 2) {
      for (size_t to = i; to > 0; --to) relocate(slot(to - 1), slot(to));
      head_ = (head_ + 1) & mask();
    } else {
      for (size_t to = i; to + 1 < size_; ++to) relocate(slot(to + 1), slot(to));
    }
    --size_;
    give_back();
  }

  /// Requires: !empty().
  [[nodiscard]] T& front() { return (*this)[0]; }

  [[nodiscard]] const T& front() const { return (*this)[0]; }

  /// Requires: !empty().
  [[nodiscard]] T& back() { return (*this)[size_ - size_t{1}]; }

  [[nodiscard]] const T& back() const { return (*this)[size_ - size_t{1}]; }

  /// The `i`th element from the front.  Requires: i < size().
  [[nodiscard]] T& operator[](size_t i) {
    DCHECK(i < size_);
    return *slot(i);
  }

  [[nodiscard]] const T& operator[](size_t i) const {
    DCHECK(i < size_);
    return *slot(i);
  }

  /// Destroys all elements and frees the memory.
  void clear() {
    for (size_t i = 0; i < size_; ++i) std::destroy_at(slot(i));
    free_slots(slots_);
    slots_ = nullptr;
    head_ = 0;
    size_ = 0;
  }

  [[nodiscard]] iterator begin() { return {this, 0}; }

  [[nodiscard]] iterator end() { return {this, size_}; }

  [[nodiscard]] const_iterator begin() const { return {this, 0}; }

  [[nodiscard]] const_iterator end() const { return {this, size_}; }

 private:
  /// In front of the first slot; the ring itself has no room for it.
  struct Header {
    uint32_t capacity;  // A power of two.
  };

  static constexpr uint32_t kFirstCapacity = 4;
  static constexpr uint32_t kKeptCapacity = 8;
  static constexpr uint32_t kMaxCapacity = uint32_t{1} << 31;

  static constexpr size_t alignment() { return std::max(alignof(T), alignof(Header)); }

  static constexpr size_t header_size() { return std::max(sizeof(Header), alignment()); }

  [[nodiscard]] Header* header() const {
    return std::launder(
        reinterpret_cast<Header*>(reinterpret_cast<std::byte*>(slots_) - header_size()));
  }

  [[nodiscard]] uint32_t mask() const { return header()->capacity - 1; }

  [[nodiscard]] T* slot(size_t i) const {
    return slots_ + ((head_ + static_cast<uint32_t>(i)) & mask());
  }

  static void relocate(T* from, T* to) noexcept {
    std::construct_at(to, std::move(*from));
    std::destroy_at(from);
  }

  static T* allocate_slots(uint32_t capacity) {
    const size_t bytes = header_size() + sizeof(T) * capacity;
    void* raw = ::operator new (bytes, std::align_val_t{alignment()});
    std::construct_at(static_cast<Header*>(raw), Header{capacity});
    return reinterpret_cast<T*>(static_cast<std::byte*>(raw) + header_size());
  }

  static void free_slots(T* slots) {
    if (slots == nullptr) return;
    ::operator delete (reinterpret_cast<std::byte*>(slots) - header_size(),
                       std::align_val_t{alignment()});
  }

  void make_room() {
    if (slots_ == nullptr) {
      slots_ = allocate_slots(kFirstCapacity);
    } else if (size_ == header()->capacity) {
      CHECK(size_ < kMaxCapacity);
      move_to(size_ * 2);
    }
  }

  void give_back() {
    const uint32_t capacity = header()->capacity;
    if (capacity > kKeptCapacity && size_ < capacity / 4) move_to(capacity / 2);
  }

  void move_to(uint32_t capacity) {
    static_assert(std::is_nothrow_move_constructible_v<T>);
    T* slots = allocate_slots(capacity);
    for (uint32_t i = 0; i < size_; ++i) relocate(slot(i), slots + i);
    free_slots(slots_);
    slots_ = slots;
    head_ = 0;
  }

  T* slots_ = nullptr;
  uint32_t head_ = 0;
  uint32_t size_ = 0;
};

/// A forward iterator: a ring and a place in it.
template <class T>
template <class Value>
class Ring<T>::Iterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = std::remove_const_t<Value>;
  using difference_type = std::ptrdiff_t;
  using pointer = Value*;
  using reference = Value&;
  using Owner = std::conditional_t<std::is_const_v<Value>, const Ring, Ring>;

  Iterator() = default;

  Iterator(Owner* ring, size_t i) : ring_(ring), i_(i) {}

  Value& operator*() const { return (*ring_)[i_]; }

  Value* operator->() const { return &(*ring_)[i_]; }

  Iterator& operator++() {
    ++i_;
    return *this;
  }

  Iterator operator++(int) {
    Iterator before = *this;
    ++i_;
    return before;
  }

  bool operator==(const Iterator&) const = default;

  /// Its place from the front, as for operator[] and erase_at().
  [[nodiscard]] size_t index() const { return i_; }

 private:
  Owner* ring_ = nullptr;
  size_t i_ = 0;
};

}  // namespace tombo
