// MinHash signatures of word shingles (Broder 1997). Rows L-2.21, L-2.25, L-2.27.
//
// A shingle is `shingle_size` words that follow each other (corpus/words.h); its 64-bit hash is (hi, lo) of 32 bits.
// Permutation i gives it a_i * lo + hi mod 2^32, and entry i of the signature is the smallest such value of the
// document. The a_i are the upper halves of the SplitMix64 sequence of seed kMinHashSeed. For shingle hashes spread
// evenly over 64 bits any two permutations with odd a_i - a_j are independent, and every shingle of a union is the
// smallest one equally often: so the share of equal entries of two signatures estimates the Jaccard similarity of their
// sets of shingles. Integers only: the same bits on every machine. The constants belong to the format
// (kMinHashVersion).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace lathe::corpus {

inline constexpr uint32_t kMinHashVersion = 1;
inline constexpr uint64_t kMinHashSeed = 0x6c617468652d6d68;
inline constexpr int64_t kMaxPermutations = 256;

struct MinHashSettings {
  int64_t shingle_size = 3;    // words, 1..kMaxNgram
  int64_t permutations = 128;  // a multiple of 64, up to kMaxPermutations
  friend bool operator==(const MinHashSettings&, const MinHashSettings&) = default;
};

// The multipliers a_0, a_1, ... of all permutations.
const std::array<uint32_t, kMaxPermutations>& minhash_multipliers();

// First 128 bits of the SHA-256 of a document's text, normalised (cleaned) by the caller. Row L-2.20.
struct ExactHash {
  uint64_t first = 0, second = 0;
  friend bool operator==(const ExactHash&, const ExactHash&) = default;
};
ExactHash exact_hash(std::string_view normalised);

// Immutable: any number of threads may sign at once. Allocates nothing.
class MinHasher {
 public:
  explicit MinHasher(MinHashSettings settings = {});  // settings out of range throw
  const MinHashSettings& settings() const { return settings_; }

  // Fills `signature` (settings().permutations entries) and gives the number of shingles, repeats included. 0 shingles
  // (fewer words than shingle_size): all entries are the largest value, and the document has no near-duplicates.
  int64_t sign(std::string_view text, std::span<uint32_t> signature) const;

 private:
  MinHashSettings settings_;
};

// Share of equal entries of two signatures of the same length > 0.
double estimated_similarity(std::span<const uint32_t> a, std::span<const uint32_t> b);
int64_t equal_entries(std::span<const uint32_t> a, std::span<const uint32_t> b);

}  // namespace lathe::corpus
