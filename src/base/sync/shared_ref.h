#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace tombo {

/// The count inside an object that SharedRefs own together; derive from it.  Starts at 1, for the
/// SharedRef that adopts the new object.
///
/// Most objects never leave the shard that made them, so the count has two phases:
///
/// Plain, from the start: add and drop are a load and a store without a lock prefix.  Safe, because
/// only the thread that made the object has references, so no two threads meet here.
///
/// Shared, after share_across_shards(): add and drop are atomic read-modify-writes.  The call comes
/// before the first reference is handed to another thread, and handing over is a release that the
/// other thread acquires (a mailbox push and drain).  So the other thread sees the flag, and all
/// plain stores to the count happened before its first atomic operation.  The flag is never written
/// again, so reading it needs no atomic either.
class SharedCount {
 public:
  SharedCount(const SharedCount&) = delete;
  SharedCount& operator=(const SharedCount&) = delete;

  /// To be called before a reference is handed to another thread; any number of times.
  void share_across_shards() const noexcept {
    // Not written a second time: other threads may be reading it by then.
    if (!crosses_shards_) crosses_shards_ = true;
  }

  /// Counts `n` more references.  Requires: the caller has one.
  void add(uint32_t n = 1) const noexcept {
    if (crosses_shards_) {
      // Relaxed: whoever adds holds a reference, so nothing is published or freed here.
      count_.fetch_add(n, std::memory_order_relaxed);
    } else {
      count_.store(count_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
  }

  /// Gives `n` references back.  True when they were the last: the caller destroys the object.
  [[nodiscard]] bool drop(uint32_t n = 1) const noexcept {
    if (!crosses_shards_) {
      const uint32_t left = count_.load(std::memory_order_relaxed) - n;
      count_.store(left, std::memory_order_relaxed);
      return left == 0;
    }
    // All references are ours: nobody is left who could add or drop.  Acquire pairs with the
    // release below, so the other threads' use of the object is over before it is destroyed.
    if (count_.load(std::memory_order_acquire) == n) return true;
    return count_.fetch_sub(n, std::memory_order_acq_rel) == n;
  }

  /// References there are; exact only while no other thread has one.
  [[nodiscard]] uint32_t use_count() const noexcept {
    return count_.load(std::memory_order_relaxed);
  }

  [[nodiscard]] bool crosses_shards() const noexcept { return crosses_shards_; }

 protected:
  SharedCount() = default;
  ~SharedCount() = default;

 private:
  mutable std::atomic<uint32_t> count_{1};
  mutable bool crosses_shards_ = false;
};

/// One of the owners of a T, 8 bytes.  T derives from SharedCount and has
///   static void destroy(const T*);
/// which ends it and frees its memory: T may have been allocated with a tail of any size.
/// A SharedRef belongs to one thread; see SharedCount on how to hand one over.
template <class T>
class SharedRef {
 public:
  SharedRef() = default;

  SharedRef(std::nullptr_t) {}  // NOLINT(google-explicit-constructor): null as for a pointer.

  /// Takes over a reference that is counted already, such as the first one of a new object.
  [[nodiscard]] static SharedRef adopt(T* object) {
    SharedRef ref;
    ref.object_ = object;
    return ref;
  }

  /// One more reference to an object that the caller knows to be alive.
  [[nodiscard]] static SharedRef share(T& object) {
    object.add();
    return adopt(&object);
  }

  SharedRef(const SharedRef& other) : object_(other.object_) {
    if (object_ != nullptr) object_->add();
  }

  SharedRef(SharedRef&& other) noexcept : object_(other.release()) {}

  /// SharedRef<Message> → SharedRef<const Message>.
  template <class U>

  requires(std::is_convertible_v<U*, T*> && !std::is_same_v<U, T>)
      SharedRef(SharedRef<U> other)  // NOLINT(google-explicit-constructor): as for pointers.
      : object_(other.release()) {}

  // The copy is made before anything is dropped, so a ref may be assigned to itself.
  // NOLINTNEXTLINE(bugprone-unhandled-self-assignment): see above.
  SharedRef& operator=(const SharedRef& other) { return *this = SharedRef(other); }

  SharedRef& operator=(SharedRef&& other) noexcept {
    SharedRef taken(std::move(other));
    std::swap(object_, taken.object_);
    return *this;
  }

  ~SharedRef() {
    if (object_ != nullptr && object_->drop()) std::remove_const_t<T>::destroy(object_);
  }

  [[nodiscard]] T* get() const { return object_; }

  [[nodiscard]] T& operator*() const {
    DCHECK(object_ != nullptr);
    return *object_;
  }

  [[nodiscard]] T* operator->() const {
    DCHECK(object_ != nullptr);
    return object_;
  }

  explicit operator bool() const { return object_ != nullptr; }

  /// Leaves the counted reference to the caller, who gives it back by adopt().
  [[nodiscard]] T* release() { return std::exchange(object_, nullptr); }

  void reset() { *this = SharedRef(); }

  /// The same object, not an equal one.
  friend bool operator==(const SharedRef& a, const SharedRef& b) { return a.object_ == b.object_; }

  friend bool operator==(const SharedRef& a, std::nullptr_t) { return a.object_ == nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace tombo
