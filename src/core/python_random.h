// Python's random.Random(seed), bit for bit: the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998) seeded by an integer
// as CPython does, and the draws built on it. For data whose order was fixed by a Python program; everything else uses
// core/rng.h. Row C-17.11. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lathe {

class PythonRandom {
 public:
  explicit PythonRandom(uint64_t seed);
  uint32_t next_u32();              // getrandbits(32)
  double random();                  // [0, 1), 53 bits
  int64_t below(int64_t n);         // randrange(n), and the index of choice(); 0 < n < 2^32
  std::vector<int64_t> shuffled(int64_t n);           // range(n) after shuffle()
  std::vector<int64_t> sample(int64_t n, int64_t k);  // sample(range(n), k), 0 <= k <= n

 private:
  void refill();
  std::array<uint32_t, 624> state_{};
  size_t next_ = state_.size();
};

}  // namespace lathe
