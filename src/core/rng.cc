#include "core/rng.h"

#include <cmath>
#include <numbers>

namespace lathe {

std::array<uint32_t, 4> philox(uint64_t a, uint64_t b, std::array<uint32_t, 2> key) {
  constexpr uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
  std::array<uint32_t, 4> c = {static_cast<uint32_t>(a), static_cast<uint32_t>(a >> 32), static_cast<uint32_t>(b),
                               static_cast<uint32_t>(b >> 32)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{kMultiplier0} * c[0];
    const uint64_t p1 = uint64_t{kMultiplier1} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return c;
}

std::array<uint32_t, 2> rng_key(uint64_t seed, std::string_view purpose) {
  // FNV-1a over the purpose, then a finaliser (splitmix64) over both, so that near seeds give far keys.
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : purpose) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
  uint64_t z = seed + 0x9E3779B97F4A7C15u * (hash | 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z ^= (z >> 31) ^ hash;
  return {static_cast<uint32_t>(z), static_cast<uint32_t>(z >> 32)};
}

Rng::Rng(uint64_t seed, std::string_view purpose, uint64_t index) : key_(rng_key(seed, purpose)), index_(index) {}

void Rng::refill() {
  const uint64_t number = position_ / 4;
  if (number == block_number_) return;
  block_ = philox(number, index_, key_);
  block_number_ = number;
}

uint32_t Rng::next_u32() {
  refill();
  return block_[position_++ % 4];
}

uint64_t Rng::next_u64() {
  const uint64_t low = next_u32();
  return low | uint64_t{next_u32()} << 32;
}

double Rng::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }
float Rng::uniform_float() { return static_cast<float>(next_u32() >> 8) * 0x1p-24f; }

double Rng::normal() {
  const double u = 1.0 - uniform();  // (0, 1]
  const double v = uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

uint64_t Rng::below(uint64_t n) {
  const uint64_t limit = ~uint64_t{0} - ~uint64_t{0} % n;  // largest multiple of n that fits
  uint64_t draw = next_u64();
  while (draw >= limit) draw = next_u64();
  return draw % n;
}

}  // namespace lathe
