// How sure a figure is, and whether two models differ: intervals and paired tests. All functions are deterministic (resampling
// draws counter-based numbers of a fixed seed), so a result file can be made again to the bit. Shares have Wilson's interval
// (tasks/interval.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tasks/interval.h"

namespace lathe::eval {

double mean_of(std::span<const double> values);  // 0 without values

// Percentile bootstrap of the mean at 95 % (Efron 1979), `resamples` draws with replacement. One value: [v, v]; none: [0, 0].
tasks::Interval bootstrap_mean_interval(std::span<const double> values, uint64_t seed = 1337, int64_t resamples = 2000);

// A score beside what models without understanding reach (row L-6.4): guessing, and always the commonest answer. "better than
// chance": above both; "worse than chance": below both; else "not distinguishable from chance". n = 0: "not run".
std::string chance_verdict(const tasks::Interval& interval, double random, double majority, int64_t n);

// Two models on the same items, in the same order.
struct PairedComparison {
  int64_t n = 0;
  double mean_a = 0, mean_b = 0;
  double difference = 0;               // mean_b - mean_a
  tasks::Interval interval{};          // of the difference, 95 %, bootstrap over items
  double p_value = 1;                  // two-sided, of "no difference"
  int64_t only_a = 0, only_b = 0;      // shares: items that one alone has right
  bool differs() const { return n > 0 && p_value < 0.05; }
};
// 0/1 outcomes: the exact test of McNemar (1947), binomial over the items on which they disagree.
PairedComparison compare_outcomes(std::span<const uint8_t> a, std::span<const uint8_t> b);
// Values (losses, margins): sign-flip permutation test, exact up to 12 items, else 10,000 draws.
PairedComparison compare_values(std::span<const double> a, std::span<const double> b, uint64_t seed = 1337);

}  // namespace lathe::eval
