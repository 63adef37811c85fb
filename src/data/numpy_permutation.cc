#include "data/numpy_permutation.h"

#include <array>
#include <bit>
#include <numeric>
#include <utility>

#include "core/check.h"

namespace lathe::data {
namespace {

// numpy/random/bit_generator.pyx, class SeedSequence: O'Neill's seed_seq_fe128 with a pool of four words.
class SeedSequence {
 public:
  explicit SeedSequence(uint64_t seed) {
    const std::array<uint32_t, 4> entropy{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), 0, 0};  // absent words count as 0
    for (size_t i = 0; i < pool_.size(); ++i) pool_[i] = hash(entropy[i]);
    for (size_t from = 0; from < pool_.size(); ++from)
      for (size_t to = 0; to < pool_.size(); ++to)
        if (from != to) pool_[to] = mix(pool_[to], hash(pool_[from]));
  }

  std::array<uint64_t, 4> state() const {
    uint32_t constant = 0x8b51f9dd;
    std::array<uint32_t, 8> words{};
    for (size_t i = 0; i < words.size(); ++i) {
      uint32_t value = pool_[i % pool_.size()] ^ constant;
      constant *= 0x58f38dedu;
      value *= constant;
      words[i] = value ^ (value >> 16);
    }
    std::array<uint64_t, 4> out{};
    for (size_t i = 0; i < out.size(); ++i) out[i] = words[2 * i] | (uint64_t{words[2 * i + 1]} << 32);
    return out;
  }

 private:
  uint32_t hash(uint32_t value) {
    value ^= constant_;
    constant_ *= 0x931e8875u;
    value *= constant_;
    return value ^ (value >> 16);
  }
  static uint32_t mix(uint32_t x, uint32_t y) {
    const uint32_t value = 0xca01f9ddu * x - 0x4973f715u * y;
    return value ^ (value >> 16);
  }

  uint32_t constant_ = 0x43b0d7e5;
  std::array<uint32_t, 4> pool_{};
};

constexpr unsigned __int128 wide(uint64_t high, uint64_t low) { return (static_cast<unsigned __int128>(high) << 64) | low; }
constexpr unsigned __int128 kMultiplier = wide(0x2360ed051fc65da4, 0x4385df649fccf645);

}  // namespace

NumpyRng::NumpyRng(uint64_t seed) {
  const std::array<uint64_t, 4> words = SeedSequence(seed).state();
  increment_ = (wide(words[2], words[3]) << 1) | 1;
  state_ = increment_ + wide(words[0], words[1]);
  state_ = state_ * kMultiplier + increment_;
}

uint64_t NumpyRng::next_u64() {
  state_ = state_ * kMultiplier + increment_;
  return std::rotr(static_cast<uint64_t>(state_ >> 64) ^ static_cast<uint64_t>(state_), static_cast<int>(state_ >> 122));
}

uint32_t NumpyRng::next_u32() {
  if (has_half_) {
    has_half_ = false;
    return half_;
  }
  const uint64_t both = next_u64();
  half_ = static_cast<uint32_t>(both >> 32);
  has_half_ = true;
  return static_cast<uint32_t>(both);
}

uint64_t NumpyRng::at_most(uint64_t most) {
  if (most == 0) return 0;
  const uint64_t mask = ~uint64_t{0} >> std::countl_zero(most);
  for (;;) {
    const uint64_t value = (most <= 0xffffffff ? next_u32() : next_u64()) & mask;
    if (value <= most) return value;
  }
}

std::vector<int64_t> numpy_permutation(uint64_t seed, int64_t n) {
  require(n >= 0, "[numpy_permutation] n must not be negative, got ", n);
  std::vector<int64_t> out(static_cast<size_t>(n));
  std::iota(out.begin(), out.end(), 0);
  NumpyRng rng(seed);
  for (size_t i = out.size(); i-- > 1;) std::swap(out[i], out[rng.at_most(i)]);
  return out;
}

}  // namespace lathe::data
