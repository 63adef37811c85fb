// A set of byte strings numbered in the order of insertion: the hash table behind piece counting (millions of short
// keys, one arena) and behind the lookup of a token by its bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::tokenizer {

// Good in its high and low bits; not keyed, so not for tables that an adversary fills without bound.
inline uint64_t hash_bytes(std::string_view key) {
  constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15;
  const auto mix = [](uint64_t x) {
    x *= kMultiplier;
    return x ^ (x >> 32);
  };
  const auto load = [&](size_t at, auto word) {
    std::memcpy(&word, key.data() + at, sizeof word);
    return uint64_t{word};
  };
  const size_t n = key.size();
  uint64_t hash = mix(n + 1);
  if (n >= 8) {
    for (size_t i = 0; i + 8 < n; i += 8) hash = mix(hash ^ load(i, uint64_t{}));
    return mix(mix(hash ^ load(n - 8, uint64_t{})));
  }
  if (n >= 4) return mix(mix(hash ^ (load(0, uint32_t{}) << 32 | load(n - 4, uint32_t{}))));
  if (n == 0) return hash;
  return mix(mix(hash ^ (load(0, uint8_t{}) << 16 | load(n / 2, uint8_t{}) << 8 | load(n - 1, uint8_t{}))));
}

// At most 2^32 - 2 keys. Not thread-safe while inserting.
class BytesMap {
 public:
  BytesMap() : slots_(1024) {}

  int64_t size() const { return static_cast<int64_t>(ends_.size()); }
  int64_t total_bytes() const { return static_cast<int64_t>(bytes_.size()); }
  std::string_view at(int64_t index) const {  // valid until the next insertion
    const auto i = static_cast<size_t>(index);
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  // Index of the key, or -1.
  int64_t find(std::string_view key) const;
  // Index of the key, which is added when absent: then the result is the old size().
  int64_t insert(std::string_view key);

 private:
  struct Slot {
    uint32_t tag = 0;
    uint32_t index_plus_one = 0;  // 0: empty
  };
  size_t locate(std::string_view key, uint64_t hash) const;
  void grow();

  std::string bytes_;
  std::vector<size_t> ends_;
  std::vector<Slot> slots_;  // a power of two, at most half full
};

}  // namespace lathe::tokenizer
