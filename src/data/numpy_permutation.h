// The order in which NumPy's default_rng(seed).permutation(n) puts 0..n-1, bit for bit: SeedSequence, PCG64 (XSL-RR 128/64) and
// the backward shuffle with masked rejection of 32-bit draws. Hosted sets are read in this order, and positions in them
// ("the first 5200 rows") mean nothing without it. Row C-1.18.
#pragma once

#include <cstdint>
#include <vector>

namespace lathe::data {

// NumPy's bit generator PCG64(SeedSequence(seed)). Not thread-safe.
class NumpyRng {
 public:
  explicit NumpyRng(uint64_t seed);
  uint64_t next_u64();
  uint32_t next_u32();              // low half of a 64-bit draw, then its high half
  uint64_t at_most(uint64_t most);  // 0..most, by masked rejection

 private:
  unsigned __int128 state_ = 0, increment_ = 0;
  uint32_t half_ = 0;
  bool has_half_ = false;
};

// n >= 0; n values of 8 bytes.
std::vector<int64_t> numpy_permutation(uint64_t seed, int64_t n);

}  // namespace lathe::data
