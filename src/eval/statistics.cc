#include "eval/statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/check.h"
#include "core/rng.h"

namespace lathe::eval {
namespace {

// The value below which a share `q` of the sorted numbers lies, linear between neighbours.
double quantile(const std::vector<double>& sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const size_t low = static_cast<size_t>(place);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (place - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

// Two-sided exact binomial test of `k` of `n` at one half: the chance of a split at least as uneven.
double sign_test(int64_t k, int64_t n) {
  if (n == 0) return 1;
  const int64_t small = std::min(k, n - k);
  double tail = 0;
  for (int64_t i = 0; i <= small; ++i) {
    const double x = static_cast<double>(i), m = static_cast<double>(n);
    tail += std::exp(std::lgamma(m + 1) - std::lgamma(x + 1) - std::lgamma(m - x + 1) - m * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

std::vector<double> differences(std::span<const double> a, std::span<const double> b) {
  std::vector<double> out(a.size());
  for (size_t i = 0; i < a.size(); ++i) out[i] = b[i] - a[i];
  return out;
}

double sign_flip_test(const std::vector<double>& d, uint64_t seed) {
  double observed = 0, scale = 0;
  for (const double x : d) {
    observed += x;
    scale += std::abs(x);
  }
  // Sums of the same numbers in another order of signs differ by rounding; those count as equal.
  const double bar = std::abs(observed) - 1e-12 * scale;
  const auto reaches = [&](auto&& flipped) {
    double sum = 0;
    for (size_t i = 0; i < d.size(); ++i) sum += flipped(i) ? -d[i] : d[i];
    return std::abs(sum) >= bar;
  };
  if (d.size() <= 12) {
    const uint64_t all = uint64_t{1} << d.size();
    int64_t count = 0;
    for (uint64_t signs = 0; signs < all; ++signs) count += reaches([&](size_t i) { return (signs >> i & 1) != 0; });
    return static_cast<double>(count) / static_cast<double>(all);
  }
  constexpr int64_t kDraws = 10000;
  Rng rng(seed, "eval/sign_flips");
  int64_t count = 1;  // the observed one is one of the draws
  uint64_t bits = 0;
  for (int64_t draw = 0; draw < kDraws; ++draw)
    count += reaches([&](size_t i) {
      if (i % 32 == 0) bits = rng.below(uint64_t{1} << 32);
      return (bits >> (i % 32) & 1) != 0;
    });
  return static_cast<double>(count) / static_cast<double>(kDraws + 1);
}

}  // namespace

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double x : values) sum += x;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

tasks::Interval bootstrap_mean_interval(std::span<const double> values, uint64_t seed, int64_t resamples) {
  require(resamples >= 1, "[bootstrap] ", resamples, " resamples");
  if (values.empty()) return {0, 0};
  if (values.size() == 1) return {values[0], values[0]};
  Rng rng(seed, "eval/bootstrap");
  std::vector<double> means(static_cast<size_t>(resamples));
  for (double& mean : means) {
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += values[rng.below(values.size())];
    mean = sum / static_cast<double>(values.size());
  }
  std::sort(means.begin(), means.end());
  return {quantile(means, 0.025), quantile(means, 0.975)};
}

std::string chance_verdict(const tasks::Interval& interval, double random, double majority, int64_t n) {
  if (n == 0) return "not run";
  if (interval.low > std::max(random, majority)) return "better than chance";
  if (interval.high < std::min(random, majority)) return "worse than chance";
  return "not distinguishable from chance";
}

PairedComparison compare_outcomes(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  require(a.size() == b.size(), "[compare] ", a.size(), " and ", b.size(), " items");
  PairedComparison out;
  std::vector<double> x(a.size()), y(b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    x[i] = a[i] ? 1 : 0;
    y[i] = b[i] ? 1 : 0;
    out.only_a += a[i] && !b[i];
    out.only_b += b[i] && !a[i];
  }
  out.n = static_cast<int64_t>(a.size());
  out.mean_a = mean_of(x);
  out.mean_b = mean_of(y);
  out.difference = out.mean_b - out.mean_a;
  out.interval = bootstrap_mean_interval(differences(x, y));
  out.p_value = sign_test(out.only_a, out.only_a + out.only_b);
  return out;
}

PairedComparison compare_values(std::span<const double> a, std::span<const double> b, uint64_t seed) {
  require(a.size() == b.size(), "[compare] ", a.size(), " and ", b.size(), " items");
  PairedComparison out;
  const std::vector<double> d = differences(a, b);
  out.n = static_cast<int64_t>(a.size());
  out.mean_a = mean_of(a);
  out.mean_b = mean_of(b);
  out.difference = out.mean_b - out.mean_a;
  out.interval = bootstrap_mean_interval(d, seed);
  out.p_value = d.empty() ? 1 : sign_flip_test(d, seed);
  return out;
}

}  // namespace lathe::eval
