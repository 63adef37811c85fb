#include "core/python_random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <set>

#include "core/check.h"

namespace lathe {
namespace {

constexpr size_t kMiddle = 397;
constexpr uint32_t kTwist = 0x9908b0df, kUpper = 0x80000000, kLower = 0x7fffffff;

// CPython's limit above which sample() remembers what it took instead of copying the population.
int64_t copy_limit(int64_t k) {
  constexpr int64_t kSmall = 21;
  if (k <= 5) return kSmall;
  return kSmall + static_cast<int64_t>(std::pow(4, std::ceil(std::log(static_cast<double>(k) * 3) / std::log(4.0))));
}

}  // namespace

// init_by_array() of the reference implementation, keyed by the 32-bit words of the seed.
PythonRandom::PythonRandom(uint64_t seed) {
  const std::array<uint32_t, 2> key{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  const size_t words = key[1] == 0 ? 1 : 2;
  const size_t n = state_.size();
  state_[0] = 19650218;
  for (size_t i = 1; i < n; ++i) state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + static_cast<uint32_t>(i);
  size_t i = 1, j = 0;
  const auto wrap = [&] {
    if (++i < n) return;
    state_[0] = state_[n - 1];
    i = 1;
  };
  for (size_t round = 0; round < n; ++round) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1664525u)) + key[j] + static_cast<uint32_t>(j);
    j = (j + 1) % words;
    wrap();
  }
  for (size_t round = 1; round < n; ++round) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1566083941u)) - static_cast<uint32_t>(i);
    wrap();
  }
  state_[0] = kUpper;
}

void PythonRandom::refill() {
  const size_t n = state_.size();
  for (size_t i = 0; i < n; ++i) {
    const uint32_t mixed = (state_[i] & kUpper) | (state_[(i + 1) % n] & kLower);
    state_[i] = state_[(i + kMiddle) % n] ^ (mixed >> 1) ^ ((mixed & 1) != 0 ? kTwist : 0);
  }
  next_ = 0;
}

uint32_t PythonRandom::next_u32() {
  if (next_ == state_.size()) refill();
  uint32_t value = state_[next_++];
  value ^= value >> 11;
  value ^= (value << 7) & 0x9d2c5680;
  value ^= (value << 15) & 0xefc60000;
  return value ^ (value >> 18);
}

double PythonRandom::random() {
  const uint32_t high = next_u32() >> 5, low = next_u32() >> 6;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

int64_t PythonRandom::below(int64_t n) {
  require(n > 0 && n <= 0xffffffff, "[PythonRandom] below needs 0 < n < 2^32, got ", n);
  const auto bits = static_cast<uint32_t>(std::bit_width(static_cast<uint32_t>(n)));
  int64_t value = n;
  while (value >= n) value = next_u32() >> (32 - bits);
  return value;
}

std::vector<int64_t> PythonRandom::shuffled(int64_t n) {
  require(n >= 0, "[PythonRandom] cannot shuffle ", n, " items");
  std::vector<int64_t> items(static_cast<size_t>(n));
  std::iota(items.begin(), items.end(), 0);
  for (int64_t i = n - 1; i > 0; --i) std::swap(items[static_cast<size_t>(i)], items[static_cast<size_t>(below(i + 1))]);
  return items;
}

std::vector<int64_t> PythonRandom::sample(int64_t n, int64_t k) {
  require(k >= 0 && k <= n, "[PythonRandom] cannot sample ", k, " of ", n);
  std::vector<int64_t> out;
  if (n <= copy_limit(k)) {
    std::vector<int64_t> pool(static_cast<size_t>(n));
    std::iota(pool.begin(), pool.end(), 0);
    for (int64_t i = 0; i < k; ++i) {
      const auto taken = static_cast<size_t>(below(n - i));
      out.push_back(pool[taken]);
      pool[taken] = pool[static_cast<size_t>(n - i - 1)];
    }
    return out;
  }
  std::set<int64_t> taken;
  while (static_cast<int64_t>(out.size()) < k)
    if (const int64_t value = below(n); taken.insert(value).second) out.push_back(value);
  return out;
}

}  // namespace lathe
