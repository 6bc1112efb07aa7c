#pragma once

#include <array>
#include <cstdint>

namespace tombo {

/// Seeded pseudo-random numbers (xoshiro256**): one seed, one sequence, on every machine.
/// Not for secrets.  Usable as generator of std::shuffle.
class Random {
 public:
  using result_type = uint64_t;

  explicit Random(uint64_t seed);

  /// All 64 bits are random.
  uint64_t next();
  /// Uniform in [0, n).  Requires: n > 0.
  uint64_t below(uint64_t n);
  /// Uniform in [low, high].  Requires: low <= high.
  int64_t between(int64_t low, int64_t high);

  /// True with probability 1 / n.  Requires: n > 0.
  bool one_in(uint64_t n) { return below(n) == 0; }

  /// Uniform in [0, 1).
  double unit();

  static constexpr uint64_t min() { return 0; }

  static constexpr uint64_t max() { return UINT64_MAX; }

  uint64_t operator()() { return next(); }

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace tombo
