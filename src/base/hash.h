#pragma once

#include <cstdint>
#include <string_view>

namespace tombo {

/// XXH3-64.  With a secret seed a client cannot choose texts that collide.
/// The same text and seed give the same number on every machine and in every release.
[[nodiscard]] uint64_t hash64(std::string_view text, uint64_t seed) noexcept;

/// Spreads every bit of `x` over all bits of the result; a bijection, and mix64(0) == 0.
[[nodiscard]] constexpr uint64_t mix64(uint64_t x) noexcept {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  x ^= x >> 31;
  return x;
}

}  // namespace tombo
