// A random permutation of 0 .. n - 1 that is computed, not stored: a Feistel network of six rounds over the next power
// of four, with Philox as its round function, walked until the value lies below n (Black and Rogaway 2002, "Ciphers
// with arbitrary finite domains"). The same (n, seed, purpose, index) gives the same permutation on every machine.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace lathe {

class Permutation {
 public:
  // n >= 0. `purpose` and `index` name the permutation, e.g. ("epoch", 3).
  Permutation(int64_t n, uint64_t seed, std::string_view purpose, uint64_t index = 0);

  int64_t size() const { return n_; }
  // Where `i` goes, 0 <= i < n. Takes fewer than four rounds of the network on average.
  int64_t operator()(int64_t i) const;

 private:
  uint64_t encrypt(uint64_t value) const;

  int64_t n_;
  int half_bits_;
  uint64_t index_;
  std::array<uint32_t, 2> key_;
};

}  // namespace lathe
