// What a word is, for shingles and for n-grams of evaluation texts; and the fixed hashes of words and of runs of words.
//
// Word: a longest run of letters (Unicode L*) and digits (N*), each lower-cased by Unicode's simple mapping. Everything
// else, bytes that are not valid UTF-8 included, separates. So "state-of-the-art" and WikiText's "state @-@ of @-@ the
// @-@ art" give the same words, as do "1,000" and "1 @,@ 000": the joins are undone by the definition.
// Hash of a word: FNV-1a of 64 bits over the UTF-8 of the lower-cased word, then mix64.
// Hash of n words: mix64(w_1 * B^(n-1) + ... + w_n mod 2^64), B = kNgramBase.
// All of it is part of the format (kHashVersion); a change makes stored signatures and n-gram sets unreadable.
// Rows L-2.25, L-2.28. Free functions are thread safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lathe::corpus {

inline constexpr uint32_t kHashVersion = 1;
inline constexpr uint64_t kFnvBasis = 0xcbf29ce484222325, kFnvPrime = 0x100000001b3;
inline constexpr uint64_t kNgramBase = 0x9e3779b97f4a7c15;
inline constexpr int64_t kMaxNgram = 64;

// The finaliser of SplitMix64 (Stafford's variant 13): a bijection of 64 bits.
inline uint64_t mix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

struct Word {
  uint64_t hash;
  size_t begin, end;  // bytes of the text
};

namespace internal {

// By byte: the lower-cased ASCII letter or digit; kSeparates; kNotAscii.
inline constexpr uint8_t kSeparates = 0, kNotAscii = 0xFF;
inline constexpr std::array<uint8_t, 256> kByteKind = [] {
  std::array<uint8_t, 256> kind{};
  for (size_t c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9', lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
    if (digit || lower) kind[c] = static_cast<uint8_t>(c);
    if (upper) kind[c] = static_cast<uint8_t>(c + 32);
    if (c >= 0x80) kind[c] = kNotAscii;
  }
  return kind;
}();

// The code point at text[at], a byte >= 0x80: when it belongs to a word, `hash` takes its lower-cased UTF-8 in.
struct WideStep {
  uint64_t hash;
  size_t length;  // bytes read, >= 1
  bool in_word;
};
WideStep wide_step(std::string_view text, size_t at, uint64_t hash);

}  // namespace internal

// Calls visit(Word) for every word of the text, in order.
template <class Visit>
void for_each_word(std::string_view text, Visit&& visit) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const size_t size = text.size();
  size_t at = 0;
  while (at < size) {
    uint64_t hash = kFnvBasis;
    const size_t begin = at;
    size_t skip = 1;
    while (at < size) {
      const uint8_t kind = internal::kByteKind[bytes[at]];
      if (kind == internal::kSeparates) break;
      if (kind != internal::kNotAscii) {
        hash = (hash ^ kind) * kFnvPrime;
        ++at;
        continue;
      }
      const internal::WideStep step = internal::wide_step(text, at, hash);
      skip = step.length;
      if (!step.in_word) break;
      hash = step.hash;
      at += step.length;
      skip = 1;
    }
    if (at > begin) visit(Word{mix64(hash), begin, at});
    at += skip;
  }
}

// The hash of the last `size` words, in constant time per word.
class NgramHash {
 public:
  explicit NgramHash(int64_t size);  // 1 to kMaxNgram

  // True when `size` words are there: hash() is that of the last ones.
  bool push(uint64_t word) {
    sum_ = (sum_ - ring_[next_] * top_) * kNgramBase + word;
    ring_[next_] = word;
    if (++next_ == size_) next_ = 0;
    return ++count_ >= size_;
  }
  uint64_t hash() const { return mix64(sum_); }

 private:
  size_t size_, next_ = 0, count_ = 0;
  uint64_t top_ = 1, sum_ = 0;  // top_ = kNgramBase^(size - 1)
  std::array<uint64_t, kMaxNgram> ring_{};
};

}  // namespace lathe::corpus
