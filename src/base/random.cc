#include "base/random.h"

#include <bit>

#include "base/check.h"
#include "base/hash.h"

namespace tombo {

Random::Random(uint64_t seed) : state_() {
  // splitmix64 as the authors of xoshiro advise: no seed leads to a state of zeros.
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15u;
    word = mix64(seed);
  }
}

uint64_t Random::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t Random::below(uint64_t n) {
  DCHECK(n > 0);
  // The lowest 2^64 mod n numbers would make small results likelier: draw again.
  const uint64_t biased = (0 - n) % n;
  uint64_t drawn = next();
  while (drawn < biased) drawn = next();
  return drawn % n;
}

int64_t Random::between(int64_t low, int64_t high) {
  DCHECK(low <= high);
  const uint64_t width = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
  const uint64_t offset = width == 0 ? next() : below(width);
  return static_cast<int64_t>(static_cast<uint64_t>(low) + offset);
}

double Random::unit() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

}  // namespace tombo
