#include "corpus/lsh.h"

#include <cmath>

#include "core/check.h"
#include "corpus/words.h"

namespace lathe::corpus {
namespace {

constexpr int kIntervals = 256;

// Simpson's rule.
template <class F>
double integral(double from, double to, F&& f) {
  const double step = (to - from) / kIntervals;
  double sum = f(from) + f(to);
  for (int i = 1; i < kIntervals; ++i) sum += (i % 2 == 1 ? 4 : 2) * f(from + step * i);
  return sum * step / 3;
}

}  // namespace

double lsh_hit_rate(double similarity, int64_t bands, int64_t rows) {
  return 1 - std::pow(1 - std::pow(similarity, static_cast<double>(rows)), static_cast<double>(bands));
}

LshBands choose_bands(double threshold, int64_t permutations, double false_positive_weight,
                      double false_negative_weight) {
  require(threshold > 0 && threshold < 1, "[lsh] threshold ", threshold, " is not between 0 and 1");
  require(permutations >= 2, "[lsh] ", permutations, " permutations are too few");
  require(false_positive_weight >= 0 && false_negative_weight >= 0 && false_positive_weight + false_negative_weight > 0,
          "[lsh] weights ", false_positive_weight, " and ", false_negative_weight);
  LshBands best;
  double smallest = 0;
  for (int64_t bands = 1; bands <= permutations; ++bands) {
    for (int64_t rows = 1; rows <= permutations / bands; ++rows) {
      const double found = integral(0, threshold, [&](double s) { return lsh_hit_rate(s, bands, rows); });
      const double missed = integral(threshold, 1, [&](double s) { return 1 - lsh_hit_rate(s, bands, rows); });
      const double sum = false_positive_weight * found + false_negative_weight * missed;
      if (best.bands > 0 && !(sum < smallest)) continue;
      best = {bands, rows, found, missed};
      smallest = sum;
    }
  }
  return best;
}

uint64_t band_key(std::span<const uint32_t> signature, int64_t band, int64_t rows) {
  require(band >= 0 && rows > 0 && (band + 1) * rows <= std::ssize(signature), "[lsh] band ", band, " of ", rows,
          " rows in a signature of ", signature.size(), " entries");
  uint64_t key = mix64(static_cast<uint64_t>(band) + 1);
  for (const uint32_t entry : signature.subspan(static_cast<size_t>(band * rows), static_cast<size_t>(rows)))
    key = (key ^ entry) * kNgramBase, key ^= key >> 29;
  return mix64(key);
}

}  // namespace lathe::corpus
