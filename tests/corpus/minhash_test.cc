#include "corpus/minhash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "core/rng.h"
#include "core/sha256.h"
#include "corpus/words.h"

namespace lathe::corpus {
namespace {

using Signature = std::vector<uint32_t>;

Signature sign(std::string_view text, MinHashSettings settings = {}) {
  Signature signature(static_cast<size_t>(settings.permutations));
  MinHasher(settings).sign(text, signature);
  return signature;
}

std::string random_text(int64_t words, uint64_t seed, uint64_t vocabulary = 500) {
  Rng rng(seed, "text");
  std::string text;
  for (int64_t i = 0; i < words; ++i) text += "w" + std::to_string(rng.below(vocabulary)) + (i % 7 == 6 ? ". " : " ");
  return text;
}

// The definition of the header, one shingle and one permutation at a time.
Signature slow_signature(std::string_view text, MinHashSettings settings) {
  std::vector<uint64_t> words;
  for_each_word(text, [&](const Word& word) { words.push_back(word.hash); });
  Signature signature(static_cast<size_t>(settings.permutations), 0xffffffff);
  const auto n = static_cast<size_t>(settings.shingle_size);
  for (size_t i = 0; i + n <= words.size(); ++i) {
    uint64_t sum = 0;
    for (size_t k = 0; k < n; ++k) sum = sum * kNgramBase + words[i + k];
    const uint64_t hash = mix64(sum);
    uint64_t state = kMinHashSeed;
    for (uint32_t& entry : signature) {
      const uint64_t factor = mix64(state += 0x9e3779b97f4a7c15) >> 32;
      entry = std::min(entry, static_cast<uint32_t>(factor * (hash & 0xffffffff) + (hash >> 32)));
    }
  }
  return signature;
}

// L-2.21, L-2.25
TEST(MinHash, IsTheDefinitionForEverySizeOfText) {
  for (const MinHashSettings settings : {MinHashSettings{}, MinHashSettings{1, 64}, MinHashSettings{5, 256}})
    for (const int64_t words : {0, 1, 2, 3, 4, 5, 17, 513, 514, 515, 1500}) {
      const std::string text = random_text(words, static_cast<uint64_t>(words));
      EXPECT_EQ(sign(text, settings), slow_signature(text, settings)) << words << " words";
    }
}

// L-2.25: a change of any constant or of the order of operations is a new version of the format
TEST(MinHash, ConstantsOfTheFormatAreFixed) {
  const auto& multipliers = minhash_multipliers();
  EXPECT_EQ((std::vector<uint32_t>(multipliers.begin(), multipliers.begin() + 4)),
            (std::vector<uint32_t>{2797092579, 1821969804, 3007389296, 3519629056}));
  EXPECT_EQ(std::set<uint32_t>(multipliers.begin(), multipliers.end()).size(), multipliers.size());
  const Signature signature = sign("The quick brown fox jumps over the lazy dog; na\u00efve \u00dcber 1,000.");
  EXPECT_EQ(sha256_hex({reinterpret_cast<const char*>(signature.data()), signature.size() * 4}),
            "7f98ebcbed61fe2160454f2917e1e3d8381ad6c3c0d7e4ca9faa7af78be0a71c");
  EXPECT_EQ(kMinHashVersion, 1u);
}

// L-2.21: the default settings
TEST(MinHash, DefaultsAreThoseOfTheRow) {
  EXPECT_EQ(MinHashSettings().permutations, 128);
  EXPECT_EQ(MinHashSettings().shingle_size, 3);
}

// L-2.27
TEST(MinHash, TextShorterThanOneShingleHasNoSignature) {
  Signature signature(128, 7);
  EXPECT_EQ(MinHasher().sign("only two", signature), 0);
  EXPECT_EQ(signature, Signature(128, std::numeric_limits<uint32_t>::max()));
  EXPECT_EQ(MinHasher().sign("now there are four", signature), 2);
  EXPECT_NE(signature, Signature(128, std::numeric_limits<uint32_t>::max()));
}

// L-2.21: case, punctuation and blanks do not matter; the order of words does
TEST(MinHash, SeesWordsOnly) {
  EXPECT_EQ(sign("One two, three four!"), sign("one  TWO three\nfour"));
  EXPECT_NE(sign("one two three four"), sign("four three two one"));
}

// L-2.21: over many pairs the share of equal entries is the Jaccard similarity, and its spread that of independent
// trials
TEST(MinHash, EstimatesTheJaccardSimilarity) {
  constexpr int kPairs = 2000, kUnion = 100;
  for (const int shared : {30, 60, 85, 95}) {
    const double similarity = double{1.0} * shared / kUnion;
    double sum = 0, squares = 0;
    for (int pair = 0; pair < kPairs; ++pair) {
      std::string a, b;
      for (int i = 0; i < kUnion; ++i) {
        const std::string word = "p" + std::to_string(pair) + "x" + std::to_string(i) + " ";
        if (i < shared || i % 2 == 0) a += word;
        if (i < shared || i % 2 == 1) b += word;
      }
      const double estimate = estimated_similarity(sign(a, {1, 128}), sign(b, {1, 128}));
      sum += estimate;
      squares += (estimate - similarity) * (estimate - similarity);
    }
    const double variance = similarity * (1 - similarity) / 128;
    EXPECT_NEAR(sum / kPairs, similarity, 0.004) << shared;
    EXPECT_NEAR(squares / kPairs / variance, 1, 0.15) << shared;
  }
}

// L-2.20
TEST(MinHash, ExactHashIsTheFrontOfSha256) {
  // FIPS 180-4, example "abc": ba7816bf 8f01cfea 414140de 5dae2223 ...
  EXPECT_EQ(exact_hash("abc"), (ExactHash{0xba7816bf8f01cfea, 0x414140de5dae2223}));
  EXPECT_FALSE(exact_hash("abc") == exact_hash("abc "));
}

TEST(MinHash, WrongSettingsAreRefused) {
  EXPECT_THROW(MinHasher({0, 128}), std::invalid_argument);
  EXPECT_THROW(MinHasher({3, 100}), std::invalid_argument);
  EXPECT_THROW(MinHasher({3, 0}), std::invalid_argument);
  EXPECT_THROW(MinHasher({3, 320}), std::invalid_argument);
  Signature small(64);
  EXPECT_THROW(MinHasher().sign("a b c", small), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::corpus
