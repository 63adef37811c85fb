// Counter-based random numbers: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
// A stream is named by (seed, purpose, index); draw k of a stream is a pure function of the name and k, so a
// resumed run, another thread count or another order of work changes nothing.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace lathe {

class Rng {
 public:
  // `purpose` names what the numbers are for ("init", "dropout", "sample"); `index` is the global sample index.
  Rng(uint64_t seed, std::string_view purpose, uint64_t index = 0);

  uint32_t next_u32();
  uint64_t next_u64();
  double uniform();                    // [0, 1), 53 bits
  float uniform_float();               // [0, 1), 24 bits
  double normal();                     // mean 0, deviation 1 (Box-Muller, two draws a value)
  uint64_t below(uint64_t n);          // 0 <= result < n, unbiased; n > 0
  bool chance(double probability) { return uniform() < probability; }

 private:
  void refill();
  std::array<uint32_t, 2> key_;
  uint64_t index_;
  uint64_t position_ = 0;  // in 32-bit draws
  std::array<uint32_t, 4> block_{};
  uint64_t block_number_ = ~uint64_t{0};
};

// The four 32-bit words of counter (a, b) under a key: the raw generator, for kernels that draw by element index.
std::array<uint32_t, 4> philox(uint64_t a, uint64_t b, std::array<uint32_t, 2> key);
std::array<uint32_t, 2> rng_key(uint64_t seed, std::string_view purpose);

}  // namespace lathe
