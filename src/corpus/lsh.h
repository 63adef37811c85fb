// Locality-sensitive hashing of MinHash signatures: `bands` bands of `rows` entries each; two documents are candidates
// when they agree in all rows of one band. A pair of similarity s is found with probability 1 - (1 - s^rows)^bands
// (Leskovec, Rajaraman, Ullman, "Mining of massive datasets", 3.4). Row L-2.22.
#pragma once

#include <cstdint>
#include <span>

namespace lathe::corpus {

struct LshBands {
  int64_t bands = 0, rows = 0;  // bands * rows <= permutations
  // Area of the hit rate below the threshold, and of the miss rate above it.
  double false_positives = 0, false_negatives = 0;
};

double lsh_hit_rate(double similarity, int64_t bands, int64_t rows);

// The bands and rows with the smallest weighted sum of the two areas; at equal sums the fewest bands.
// 0 < threshold < 1, weights >= 0 and not both 0, permutations >= 2; else it throws.
LshBands choose_bands(double threshold, int64_t permutations, double false_positive_weight = 0.5,
                      double false_negative_weight = 0.5);

// The key of band `band` >= 0 of a signature: documents of equal keys are candidates. 64 bits, so that bands of one
// index may stand in one table with those of another. A fixed constant of the format (kMinHashVersion).
uint64_t band_key(std::span<const uint32_t> signature, int64_t band, int64_t rows);

}  // namespace lathe::corpus
