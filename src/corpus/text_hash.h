// A 64-bit hash of a short piece of text, for counting repeats within one document. Not a format: its values are never
// written to a file.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace lathe::corpus {

// Folds the 128-bit product of both: every bit of the result depends on all bits of the two.
inline uint64_t mix(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t hash_text(std::string_view text) {
  constexpr uint64_t kFirst = 0x9E3779B97F4A7C15u, kSecond = 0xD6E8FEB86659FD93u;
  const char* at = text.data();
  size_t left = text.size();
  uint64_t hash = kFirst ^ left;
  uint64_t word = 0;
  for (; left > 8; at += 8, left -= 8) {
    std::memcpy(&word, at, 8);
    hash = mix(hash ^ word, kSecond);
  }
  // The last 1 to 8 bytes, by loads of fixed size that may overlap.
  if (left >= 4) {
    uint32_t low = 0, high = 0;
    std::memcpy(&low, at, 4);
    std::memcpy(&high, at + left - 4, 4);
    word = uint64_t{high} << 32 | low;
  } else if (left > 0) {
    const auto byte = [&](size_t i) { return uint64_t{static_cast<uint8_t>(at[i])}; };
    word = byte(0) | byte(left / 2) << 8 | byte(left - 1) << 16;
  } else {
    word = 0;
  }
  return mix(hash ^ word, kSecond ^ kFirst);
}

}  // namespace lathe::corpus
