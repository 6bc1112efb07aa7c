#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <functional>

namespace tombo {

/// A number that mixes with no other number.  Value 0 when default constructed.
///   using PacketId = StrongId<struct PacketIdTag, uint16_t>;
template <class Tag, std::integral Int>
class StrongId {
 public:
  using Value = Int;

  constexpr StrongId() = default;

  constexpr explicit StrongId(Int value) : value_(value) {}

  [[nodiscard]] constexpr Int value() const { return value_; }

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 trips over the zero of the ordering.
  constexpr auto operator<=>(const StrongId&) const = default;

  /// For boost::hash.
  friend std::size_t hash_value(StrongId id) noexcept { return std::hash<Int>()(id.value_); }

 private:
  Int value_ = 0;
};

}  // namespace tombo

template <class Tag, class Int>
struct std::hash<tombo::StrongId<Tag, Int>> {
  std::size_t operator()(tombo::StrongId<Tag, Int> id) const noexcept { return hash_value(id); }
};
