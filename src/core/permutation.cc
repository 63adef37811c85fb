#include "core/permutation.h"

#include <bit>

#include "core/check.h"
#include "core/rng.h"

namespace lathe {
namespace {
constexpr uint64_t kRounds = 6;
}

Permutation::Permutation(int64_t n, uint64_t seed, std::string_view purpose, uint64_t index)
    : n_(n), index_(index), key_(rng_key(seed, purpose)) {
  require(n >= 0, "[permutation] of ", n, " elements");
  const int bits = n < 2 ? 1 : static_cast<int>(std::bit_width(static_cast<uint64_t>(n - 1)));
  half_bits_ = (bits + 1) / 2;
}

uint64_t Permutation::encrypt(uint64_t value) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t left = value >> half_bits_, right = value & mask;
  for (uint64_t round = 0; round < kRounds; ++round) {
    const std::array<uint32_t, 4> words = philox(right << 3 | round, index_, key_);
    const uint64_t mixed = (uint64_t{words[0]} << 32 | words[1]) & mask;
    const uint64_t next = left ^ mixed;
    left = right;
    right = next;
  }
  return left << half_bits_ | right;
}

int64_t Permutation::operator()(int64_t i) const {
  require(i >= 0 && i < n_, "[permutation] element ", i, " of ", n_);
  auto value = static_cast<uint64_t>(i);
  do value = encrypt(value);
  while (value >= static_cast<uint64_t>(n_));
  return static_cast<int64_t>(value);
}

}  // namespace lathe
