// Scaling-law fits against planted constants.
#include "eval/scaling_fit.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.h"
#include "eval/least_squares.h"
#include "eval/minimise.h"
#include "tests/ref/testing.h"

namespace lathe::eval {
namespace {

// The constants of Hoffmann et al. 2022, section D.3.
const Surface kPublished{1.69, 406.4, 410.7, 0.34, 0.28};

// IsoFLOP runs of a surface: for each budget models around the best one, C = 6 N D. noise: relative, of the loss.
std::vector<ScalingRun> planted(const Surface& s, const std::vector<double>& budgets, int sizes, double noise = 0) {
  std::vector<ScalingRun> runs;
  const Allocation best = s.allocation(6);
  Rng rng(7, "test");
  for (const double c : budgets)
    for (int i = 0; i < sizes; ++i) {
      ScalingRun run;
      run.budget = run.flops = c;
      run.parameters = best.parameters.at(c) * std::pow(2.0, i - (sizes - 1) / 2.0);
      run.tokens = c / (6 * run.parameters);
      run.loss = s.at(run.parameters, run.tokens) * (1 + noise * rng.normal());
      for (int k = 1; k <= 60; ++k) {
        const double share = k / 60.0;
        run.curve.push_back({c * share, s.at(run.parameters, run.tokens * share)});
      }
      runs.push_back(std::move(run));
    }
  return runs;
}

TEST(Minimise, FindsTheMinimumOfRosenbrocksValleyAndOfAKink) {
  const Minimum valley = minimise(
      [](std::span<const double> x, std::span<double> g) {
        const double a = 1 - x[0], b = x[1] - x[0] * x[0];
        g[0] = -2 * a - 400 * x[0] * b;
        g[1] = 200 * b;
        return a * a + 100 * b * b;
      },
      {-1.2, 1});
  EXPECT_TRUE(valley.converged);
  EXPECT_NEAR(valley.x[0], 1, 1e-6);
  EXPECT_NEAR(valley.x[1], 1, 1e-6);
  // A function that is not defined everywhere.
  const Minimum walled = minimise(
      [](std::span<const double> x, std::span<double> g) {
        g[0] = 1 - 1 / x[0];
        return x[0] > 0 ? x[0] - std::log(x[0]) : std::nan("");
      },
      {30});
  EXPECT_NEAR(walled.x[0], 1, 1e-6);
  EXPECT_THROW(minimise([](std::span<const double>, std::span<double>) { return std::nan(""); }, {0}), std::invalid_argument);
}

TEST(LeastSquares, PolynomialsFarFromZeroAndTooFewPoints) {
  std::vector<double> x, y;
  for (int i = 0; i < 7; ++i) {
    x.push_back(18 + 0.3 * i);
    y.push_back(0.02 * x.back() * x.back() - 0.77 * x.back() + 9);
  }
  const auto c = fit_polynomial(x, y, 2);
  ASSERT_TRUE(c.has_value());
  EXPECT_NEAR((*c)[2], 0.02, 1e-9);
  EXPECT_NEAR((*c)[1], -0.77, 1e-8);
  EXPECT_FALSE(fit_polynomial({1, 1, 2}, {1, 2, 3}, 2).has_value()) << "two distinct places";
  // A coefficient that would be negative is zero.
  const auto positive = fit_non_negative({{1, 1, 0}, {1, 2, 0}, {1, 3, 1}}, {3, 2, 1});
  EXPECT_EQ(positive[1], 0);
  EXPECT_GT(positive[0], 0);
}

TEST(ScalingSurface, PublishedConstantsGiveThePublishedAllocation) {
  // Chinchilla itself: 70e9 parameters, 1.4e12 tokens; terms worked out by hand: 1.69 + 0.0836 + 0.1636.
  EXPECT_NEAR(kPublished.at(70e9, 1.4e12), 1.937, 1e-3);
  const Allocation law = kPublished.allocation(6);
  EXPECT_NEAR(law.parameters.exponent, 0.28 / 0.62, 1e-12) << "a = beta / (alpha + beta)";
  EXPECT_NEAR(law.tokens.exponent, 0.34 / 0.62, 1e-12);
  const double c = 5.76e23, n = law.parameters.at(c), d = law.tokens.at(c);
  EXPECT_NEAR(6 * n * d, c, 1e-6 * c);
  EXPECT_GT(n, 25e9) << "the paper's parametric estimate for this budget is 40.4e9, with the unrounded constants";
  EXPECT_LT(n, 45e9);
  for (const double factor : {0.9, 1.1}) EXPECT_GT(kPublished.at(n * factor, d / factor), kPublished.at(n, d)) << "it is the minimum on C = 6 N D";
}

TEST(ScalingSurface, RecoversPlantedConstants) {
  const SurfaceFit fit = fit_surface(planted(kPublished, {1e18, 1e19, 1e20, 1e21}, 7), 0);
  ASSERT_TRUE(fit.surface.has_value()) << fit.problem;
  EXPECT_NEAR(fit.surface->E, 1.69, 0.01);
  EXPECT_NEAR(fit.surface->alpha, 0.34, 0.005);
  EXPECT_NEAR(fit.surface->beta, 0.28, 0.005);
  EXPECT_NEAR(std::log(fit.surface->A / 406.4), 0, 0.1);
  EXPECT_NEAR(std::log(fit.surface->B / 410.7), 0, 0.1);
  EXPECT_NEAR(fit.flops_factor, 6, 1e-9);
  EXPECT_LT(fit.largest_error, 1e-4);
  EXPECT_FALSE(fit.law->parameters.interval.has_value()) << "no resamples, no interval";
}

// Another unit of the loss (bits per byte for nats per token) leaves the exponents.
TEST(ScalingSurface, TheUnitOfTheLossDoesNotMatter) {
  std::vector<ScalingRun> runs = planted(kPublished, {1e18, 1e19, 1e20, 1e21}, 7);
  for (ScalingRun& run : runs) run.loss *= 0.3;
  const SurfaceFit fit = fit_surface(runs, 0);
  EXPECT_NEAR(fit.surface->alpha, 0.34, 0.005);
  EXPECT_NEAR(fit.surface->E, 0.3 * 1.69, 0.004);
}

TEST(ScalingSurface, NoiseWidensTheIntervalsAndAnOutlierDoesNotCarryTheFitAway) {
  std::vector<ScalingRun> runs = planted(kPublished, {1e18, 3e18, 1e19, 3e19, 1e20, 1e21}, 8, 0.002);
  runs[5].loss *= 1.5;  // a run that went wrong
  const SurfaceFit fit = fit_surface(runs, 60);
  ASSERT_TRUE(fit.law->parameters.interval.has_value()) << fit.law->resamples;
  EXPECT_NEAR(fit.law->parameters.exponent, 0.28 / 0.62, 0.06);
  EXPECT_LE(fit.alpha->low, 0.34);
  EXPECT_GE(fit.alpha->high, 0.34);
  EXPECT_GT(fit.alpha->high - fit.alpha->low, 0.005);
}

TEST(IsoFlop, MinimaAndExponentsOfPlantedCurves) {
  Surface even = kPublished;  // equal exponents: the parabolas are symmetric and the minima exact
  even.alpha = even.beta = 0.3;
  const IsoFlopFit fit = fit_isoflop(planted(even, {1e18, 1e19, 1e20}, 7), 100);
  ASSERT_TRUE(fit.law.has_value()) << fit.problem;
  EXPECT_NEAR(fit.law->parameters.exponent, 0.5, 1e-6);
  EXPECT_NEAR(fit.law->tokens.exponent, 0.5, 1e-6);
  const Allocation truth = even.allocation(6);
  for (const IsoFlopCurve& curve : fit.curves) {
    EXPECT_TRUE(curve.inside);
    EXPECT_NEAR(curve.parameters / truth.parameters.at(curve.budget), 1, 0.01);
    EXPECT_NEAR(curve.tokens / truth.tokens.at(curve.budget), 1, 0.01);
    EXPECT_EQ(curve.runs, 7);
  }
  ASSERT_TRUE(fit.law->parameters.interval.has_value());
  EXPECT_LE(fit.law->parameters.interval->low, 0.5);
  EXPECT_GE(fit.law->parameters.interval->high, 0.5);
}

TEST(IsoFlop, SaysInWordsWhatIsMissing) {
  const std::vector<ScalingRun> two = planted(kPublished, {1e18, 1e19}, 2);
  const IsoFlopFit few = fit_isoflop(two);
  EXPECT_FALSE(few.law.has_value());
  EXPECT_EQ(few.problem, "0 budgets have a minimum between its model sizes; a power law needs 2");
  EXPECT_EQ(few.curves.at(0).problem, "2 model sizes; a parabola needs 3");
  const SurfaceFit surface = fit_surface(two);
  EXPECT_FALSE(surface.surface.has_value());
  EXPECT_EQ(surface.problem, "4 runs; five numbers need at least 6, of three sizes and three amounts of tokens");

  // Models that are all too large: the loss falls towards the smallest.
  std::vector<ScalingRun> large = planted(kPublished, {1e18, 1e19}, 9);
  std::erase_if(large, [](const ScalingRun& run) { return run.parameters < 2.5 * kPublished.allocation(6).parameters.at(run.budget); });
  const IsoFlopFit outside = fit_isoflop(large);
  EXPECT_FALSE(outside.law.has_value());
  EXPECT_EQ(outside.curves.at(0).problem, "the minimum lies below the smallest model trained: train smaller ones");

  const IsoFlopFit pair = fit_isoflop(planted(kPublished, {1e18, 1e19}, 5));
  ASSERT_TRUE(pair.law.has_value());
  EXPECT_NE(pair.notes.at(0).find("two budgets only"), std::string::npos);

  std::vector<ScalingRun> broken = planted(kPublished, {1e18, 1e19}, 5);
  broken[0].loss = 0;
  broken[1].loss = std::nan("");
  EXPECT_EQ(fit_isoflop(broken).notes.at(0), "2 runs have no loss above zero and are left out");
}

TEST(ScalingSurface, RunsThatDoNotDetermineItGiveNoLaw) {
  std::vector<ScalingRun> runs = planted(kPublished, {1e18, 1e19, 1e20}, 5);
  for (ScalingRun& run : runs) run.loss = 2 + 100 * std::pow(run.tokens, -0.3);  // more parameters never help
  const SurfaceFit fit = fit_surface(runs, 20);
  ASSERT_TRUE(fit.surface.has_value());
  EXPECT_NEAR(fit.surface->at(1e9, 1e10), 2 + 100 * std::pow(1e10, -0.3), 0.01) << "the surface itself is right";
}

TEST(Envelope, FollowsTheLowestCurveAndNeedsTwoSizes) {
  const std::vector<ScalingRun> runs = planted(kPublished, {1e18, 2e18, 4e18, 1e19, 2e19, 4e19}, 9);
  const EnvelopeFit fit = fit_envelope(runs, 50);
  ASSERT_TRUE(fit.law.has_value()) << fit.problem;
  EXPECT_NEAR(fit.law->parameters.exponent, 0.28 / 0.62, 0.08) << "sizes are a grid, the envelope a staircase";
  EXPECT_NEAR(fit.law->parameters.exponent + fit.law->tokens.exponent, 1, 1e-6);
  EXPECT_LT(fit.losses.back().loss, fit.losses.front().loss);

  const std::vector<ScalingRun> one(runs.begin(), runs.begin() + 1);
  EXPECT_FALSE(fit_envelope(one).law.has_value());
  EXPECT_NE(fit_envelope(one).problem.find("fewer than two model sizes"), std::string::npos);
}

TEST(ScalingFits, AreTheSameEveryTime) {
  const std::vector<ScalingRun> runs = planted(kPublished, {1e18, 1e19, 1e20}, 6, 0.003);
  EXPECT_EQ(fit_surface(runs, 20).to_json().dump(), fit_surface(runs, 20).to_json().dump());
  EXPECT_EQ(fit_isoflop(runs, 20).to_json().dump(), fit_isoflop(runs, 20).to_json().dump());
}

}  // namespace
}  // namespace lathe::eval
