#include "corpus/lsh.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "corpus/minhash.h"

namespace lathe::corpus {
namespace {

// L-2.22: the check value of the row
TEST(Lsh, EightBandsOfSixteenRowsForTheDefaults) {
  const LshBands chosen = choose_bands(0.85, 128);
  EXPECT_EQ(chosen.bands, 8);
  EXPECT_EQ(chosen.rows, 16);
}

double weighted_rate(double threshold, int64_t bands, int64_t rows, double positive, double negative) {
  constexpr int kSteps = 4000;
  double sum = 0;
  for (int i = 0; i < kSteps; ++i) {
    const double s = (i + 0.5) / kSteps;
    const double hit = 1 - std::pow(1 - std::pow(s, double(rows)), double(bands));
    sum += (s < threshold ? positive * hit : negative * (1 - hit)) / kSteps;
  }
  return sum;
}

// L-2.22: no other pair of bands and rows has smaller weighted rates
TEST(Lsh, ChosenBandsMinimiseTheWeightedRates) {
  struct Case {
    double threshold;
    int64_t permutations;
    double positive, negative;
  };
  for (const Case& c :
       {Case{0.85, 128, 0.5, 0.5}, Case{0.5, 64, 0.5, 0.5}, Case{0.7, 128, 0.9, 0.1}, Case{0.7, 128, 0.1, 0.9}}) {
    const LshBands chosen = choose_bands(c.threshold, c.permutations, c.positive, c.negative);
    ASSERT_LE(chosen.bands * chosen.rows, c.permutations);
    const double best = weighted_rate(c.threshold, chosen.bands, chosen.rows, c.positive, c.negative);
    EXPECT_NEAR(best, c.positive * chosen.false_positives + c.negative * chosen.false_negatives, 1e-3);
    for (int64_t bands = 1; bands <= c.permutations; ++bands)
      for (int64_t rows = 1; rows * bands <= c.permutations; ++rows)
        ASSERT_GT(weighted_rate(c.threshold, bands, rows, c.positive, c.negative), best - 2e-4) << bands << " " << rows;
  }
  EXPECT_GT(choose_bands(0.7, 128, 0.9, 0.1).rows, choose_bands(0.7, 128, 0.1, 0.9).rows);
  EXPECT_THROW(choose_bands(1.0, 128), std::invalid_argument);
  EXPECT_THROW(choose_bands(0.5, 128, 0, 0), std::invalid_argument);
}

// L-2.22: measured on pairs whose similarity is known by construction, within 1 % of 1 - (1 - s^r)^b
TEST(Lsh, HitRateIsTheTheorys) {
  constexpr int kPairs = 40000, kUnion = 40;
  const MinHasher hasher({1, 128});
  const LshBands lsh = choose_bands(0.85, 128);
  std::vector<uint32_t> a(128), b(128);
  int64_t serial = 0;
  for (const int shared : {28, 30, 32, 34, 36, 38}) {
    int64_t hits = 0;
    for (int pair = 0; pair < kPairs; ++pair, ++serial) {
      std::string first, second;
      for (int i = 0; i < kUnion; ++i) {
        const std::string word = std::to_string(serial * kUnion + i) + " ";
        if (i < shared || i % 2 == 0) first += word;
        if (i < shared || i % 2 == 1) second += word;
      }
      hasher.sign(first, a);
      hasher.sign(second, b);
      bool hit = false;
      for (int64_t band = 0; band < lsh.bands; ++band)
        hit = hit || band_key(a, band, lsh.rows) == band_key(b, band, lsh.rows);
      hits += hit;
    }
    const double similarity = double(shared) / kUnion, measured = double(hits) / kPairs;
    EXPECT_NEAR(measured, 1 - std::pow(1 - std::pow(similarity, 16), 8), 0.01) << "similarity " << similarity;
    EXPECT_DOUBLE_EQ(lsh_hit_rate(similarity, 8, 16), 1 - std::pow(1 - std::pow(similarity, 16), 8));
  }
}

// L-2.22: a band's key depends on every row of the band, on its index and on nothing else
TEST(Lsh, KeyOfABandIsThatOfItsRows) {
  std::vector<uint32_t> signature(128, 9);
  std::set<uint64_t> keys;
  for (int64_t band = 0; band < 8; ++band) keys.insert(band_key(signature, band, 16));
  EXPECT_EQ(keys.size(), 8u);
  const uint64_t key = band_key(signature, 2, 16);
  for (size_t i = 0; i < signature.size(); ++i) {
    std::vector<uint32_t> changed = signature;
    changed[i] ^= 1u << (i % 32);
    EXPECT_EQ(band_key(changed, 2, 16) != key, i / 16 == 2) << i;
  }
  EXPECT_THROW(band_key(signature, 8, 16), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::corpus
