#include "corpus/minhash.h"

#include <algorithm>
#include <limits>

#include "core/check.h"
#include "core/sha256.h"
#include "corpus/minhash_kernel.h"
#include "corpus/words.h"

namespace lathe::corpus {
namespace {

// Shingle hashes that stay in the first-level cache while all permutations pass over them.
constexpr size_t kBatch = 512;

}  // namespace

const std::array<uint32_t, kMaxPermutations>& minhash_multipliers() {
  static const auto multipliers = [] {
    std::array<uint32_t, kMaxPermutations> values;
    uint64_t state = kMinHashSeed;
    for (uint32_t& value : values) value = static_cast<uint32_t>(mix64(state += 0x9e3779b97f4a7c15) >> 32);
    return values;
  }();
  return multipliers;
}

ExactHash exact_hash(std::string_view normalised) {
  Sha256 sha;
  sha.update(normalised);
  const std::array<uint8_t, 32> digest = sha.digest();
  const auto word = [&](size_t at) {
    uint64_t value = 0;
    for (size_t i = 0; i < 8; ++i) value = value << 8 | digest[at + i];
    return value;
  };
  return {word(0), word(8)};
}

MinHasher::MinHasher(MinHashSettings settings) : settings_(settings) {
  require(settings.shingle_size >= 1 && settings.shingle_size <= kMaxNgram, "[minhash] shingle_size ",
          settings.shingle_size, " is not in 1..", kMaxNgram);
  require(settings.permutations > 0 && settings.permutations <= kMaxPermutations &&
              settings.permutations % kPermutationStep == 0,
          "[minhash] ", settings.permutations, " permutations: a multiple of ", kPermutationStep, " up to ",
          kMaxPermutations, " is needed");
}

int64_t MinHasher::sign(std::string_view text, std::span<uint32_t> signature) const {
  require(std::ssize(signature) == settings_.permutations, "[minhash] signature of ", signature.size(), " entries for ",
          settings_.permutations, " permutations");
  std::fill(signature.begin(), signature.end(), std::numeric_limits<uint32_t>::max());
  const uint32_t* multipliers = minhash_multipliers().data();
  std::array<uint64_t, kBatch> hashes;
  size_t held = 0;
  int64_t shingles = 0;
  const auto flush = [&] {
    minhash_update(hashes.data(), static_cast<int64_t>(held), multipliers, settings_.permutations, signature.data());
    shingles += static_cast<int64_t>(held);
    held = 0;
  };
  NgramHash last(settings_.shingle_size);
  for_each_word(text, [&](const Word& word) {
    if (!last.push(word.hash)) return;
    hashes[held++] = last.hash();
    if (held == kBatch) flush();
  });
  if (held > 0) flush();
  return shingles;
}

int64_t equal_entries(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  require(a.size() == b.size() && !a.empty(), "[minhash] signatures of ", a.size(), " and ", b.size(), " entries");
  int64_t equal = 0;
  for (size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i];
  return equal;
}

double estimated_similarity(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  return static_cast<double>(equal_entries(a, b)) / static_cast<double>(a.size());
}

}  // namespace lathe::corpus
