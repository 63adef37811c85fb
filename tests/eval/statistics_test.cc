// Intervals and paired tests (row L-6.4).
#include "eval/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/rng.h"

namespace lathe::eval {
namespace {

TEST(Statistics, BootstrapIntervalOfNormalValuesIsThatOfTheirStandardError) {
  Rng rng(3, "test");
  std::vector<double> values(400);
  for (double& x : values) x = 5 + 2 * rng.normal();
  const double mean = mean_of(values);
  double square = 0;
  for (const double x : values) square += (x - mean) * (x - mean);
  const double half = 1.96 * std::sqrt(square / 399 / 400);
  const tasks::Interval interval = bootstrap_mean_interval(values);
  EXPECT_NEAR(interval.low, mean - half, 0.1 * half);
  EXPECT_NEAR(interval.high, mean + half, 0.1 * half);
  EXPECT_EQ(bootstrap_mean_interval(values).low, interval.low) << "the same numbers each time";
}

TEST(Statistics, BootstrapOfNothingAndOfOneValue) {
  EXPECT_EQ(bootstrap_mean_interval({}).high, 0);
  const std::vector<double> one = {2.5};
  EXPECT_EQ(bootstrap_mean_interval(one).low, 2.5);
  EXPECT_EQ(bootstrap_mean_interval(one).high, 2.5);
}

// L-6.4
TEST(Statistics, VerdictSaysInWordsWhereAScoreStands) {
  EXPECT_EQ(chance_verdict({0.65, 0.7}, 0.5, 0.62, 100), "better than chance");
  EXPECT_EQ(chance_verdict({0.55, 0.6}, 0.5, 0.62, 100), "not distinguishable from chance") << "always the commonest answer is better";
  EXPECT_EQ(chance_verdict({0.45, 0.6}, 0.5, 0.62, 100), "not distinguishable from chance");
  EXPECT_EQ(chance_verdict({0.3, 0.45}, 0.5, 0.62, 100), "worse than chance");
  EXPECT_EQ(chance_verdict({0, 0.1}, 0, 0.2, 100), "not distinguishable from chance") << "free text is never guessed";
  EXPECT_EQ(chance_verdict({0, 1}, 0.5, 0.5, 0), "not run");
}

TEST(Statistics, McNemarIsTheExactBinomialOverTheItemsThatDiffer) {
  std::vector<uint8_t> a(20, 1), b(20, 1);
  for (size_t i = 0; i < 8; ++i) a[i] = 0;
  b[19] = 0;
  const PairedComparison c = compare_outcomes(a, b);
  EXPECT_EQ(c.only_b, 8);
  EXPECT_EQ(c.only_a, 1);
  EXPECT_NEAR(c.difference, 7.0 / 20, 1e-12);
  EXPECT_NEAR(c.p_value, 2 * (1.0 + 9.0) / 512, 1e-9);  // 2 (C(9,0) + C(9,1)) / 2^9
  EXPECT_TRUE(c.differs());
  EXPECT_EQ(compare_outcomes(a, a).p_value, 1);
  EXPECT_FALSE(compare_outcomes({}, {}).differs());
}

TEST(Statistics, SignFlipTestOfFewValuesIsExact) {
  const std::vector<double> a = {1, 2, 3, 4}, b = {2, 3.5, 4, 6};
  // All four differences are above 0: of 16 sign patterns two are as extreme.
  EXPECT_NEAR(compare_values(a, b).p_value, 2.0 / 16, 1e-12);
}

TEST(Statistics, SignFlipTestOfManyValuesTellsAShiftFromNoise) {
  Rng rng(4, "test");
  std::vector<double> a(200), noise(200), shifted(200);
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = rng.normal();
    noise[i] = a[i] + rng.normal();
    shifted[i] = noise[i] + 0.5;
  }
  EXPECT_GT(compare_values(a, noise).p_value, 0.01);
  const PairedComparison c = compare_values(a, shifted);
  EXPECT_LT(c.p_value, 0.001);
  EXPECT_GT(c.interval.low, 0);
}

TEST(Statistics, ListsOfDifferentLengthsAreRefused) {
  const std::vector<double> a = {1}, b = {1, 2};
  EXPECT_THROW(compare_values(a, b), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::eval
