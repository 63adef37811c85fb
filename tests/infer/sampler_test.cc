#include "infer/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "tests/ref/testing.h"

namespace lathe::infer {
namespace {

using lathe::testing::is_close;

std::vector<float> some_logits(size_t n) {
  std::vector<float> logits(n);
  for (size_t i = 0; i < n; ++i) logits[i] = static_cast<float>(std::sin(static_cast<double>(i) * 1.7) * 3);
  return logits;
}

// Softmax of the kept tokens in float64, straight from the definition.
std::vector<float> expected_probabilities(const std::vector<float>& logits, double temperature,
                                          const std::set<size_t>& kept) {
  double total = 0;
  for (const size_t i : kept) total += std::exp(static_cast<double>(logits[i]) / temperature);
  std::vector<float> result(logits.size(), 0.0f);
  for (const size_t i : kept)
    result[i] = static_cast<float>(std::exp(static_cast<double>(logits[i]) / temperature) / total);
  return result;
}

std::set<size_t> best(const std::vector<float>& logits, size_t k) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  return {order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k)};
}

// C-10.6
TEST(Sampler, TemperatureZeroTakesTheFirstLargestWhateverTheSeed) {
  const std::vector<float> logits = {1, 7, -3, 7, 2};
  for (const uint64_t seed : {1u, 42u, 123u, 999u}) {
    SamplingOptions options;
    options.temperature = 0;
    options.seed = seed;
    Sampler sampler(options, 5);
    for (int64_t step = 0; step < 8; ++step) EXPECT_EQ(sampler.draw(logits, 0, step), 1);
  }
}

// C-10.6
TEST(Sampler, RefusesOptionsOutOfRange) {
  const auto refuses = [](auto change) {
    SamplingOptions options;
    change(options);
    return !options.validate().ok();
  };
  EXPECT_TRUE(SamplingOptions().validate().ok());
  EXPECT_TRUE(refuses([](SamplingOptions& o) { o.temperature = -0.1; }));
  EXPECT_TRUE(refuses([](SamplingOptions& o) { o.temperature = std::nan(""); }));
  EXPECT_TRUE(refuses([](SamplingOptions& o) { o.top_k = -1; }));
  EXPECT_TRUE(refuses([](SamplingOptions& o) { o.top_p = -0.1; }));
  EXPECT_TRUE(refuses([](SamplingOptions& o) { o.top_p = 1.1; }));
  EXPECT_TRUE(refuses([](SamplingOptions& o) { o.min_p = -0.1; }));
  EXPECT_TRUE(refuses([](SamplingOptions& o) { o.min_p = 2; }));
  EXPECT_TRUE(refuses([](SamplingOptions& o) { o.repetition_penalty = 0; }));
}

// C-10.6
TEST(Sampler, TopKKeepsExactlyTheKLargest) {
  const std::vector<float> logits = some_logits(40);
  for (const int64_t k : {1, 2, 7, 39, 40, 41, 1000}) {
    SamplingOptions options;
    options.temperature = 0.7;
    options.top_k = k;
    const auto kept = best(logits, static_cast<size_t>(std::min<int64_t>(k, 40)));
    EXPECT_TRUE(
        is_close(Sampler(options, 40).probabilities(logits), expected_probabilities(logits, 0.7, kept), {1e-7, 1e-6}))
        << k;
  }
}

// C-10.6
TEST(Sampler, TopKAmongEqualsKeepsExactlyKOfThem) {
  const std::vector<float> logits(24, 0.5f);
  SamplingOptions options;
  options.top_k = 5;
  const std::vector<float> p = Sampler(options, 24).probabilities(logits);
  EXPECT_EQ(std::count_if(p.begin(), p.end(), [](float x) { return x > 0; }), 5);
  EXPECT_TRUE(is_close(std::vector<float>(p.begin(), p.begin() + 5), std::vector<float>(5, 0.2f), {1e-7, 0}));
}

// C-3.32
TEST(Sampler, ReferenceTopKKeepsTies) {
  const std::vector<float> logits = {3, 1, 2, 2, 2, 0};
  SamplingOptions options;
  options.top_k = 2;
  options.top_k_keeps_ties = true;
  EXPECT_TRUE(is_close(Sampler(options, 6).probabilities(logits), expected_probabilities(logits, 1, {0, 2, 3, 4}),
                       {1e-7, 1e-6}));
}

// C-10.6
TEST(TrapM7, TopKZeroMeansTheWholeVocabulary) {
  const std::vector<float> logits = some_logits(30);
  SamplingOptions options;
  options.top_k = 0;
  std::set<size_t> all;
  for (size_t i = 0; i < 30; ++i) all.insert(i);
  EXPECT_TRUE(
      is_close(Sampler(options, 30).probabilities(logits), expected_probabilities(logits, 1, all), {1e-7, 1e-6}));
  EXPECT_GE(Sampler(options, 30).draw(logits, 0, 0), 0);
}

TEST(Sampler, TopPKeepsTheShortestPrefixThatReachesP) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.05f), std::log(0.3f), std::log(0.15f)};
  const auto kept = [&](double p) {
    SamplingOptions options;
    options.top_p = p;
    const std::vector<float> probabilities = Sampler(options, 4).probabilities(logits);
    std::set<size_t> result;
    for (size_t i = 0; i < 4; ++i)
      if (probabilities[i] > 0) result.insert(i);
    return result;
  };
  EXPECT_EQ(kept(1e-9), (std::set<size_t>{0}));
  EXPECT_EQ(kept(0.45), (std::set<size_t>{0}));
  EXPECT_EQ(kept(0.75), (std::set<size_t>{0, 2}));
  EXPECT_EQ(kept(0.9), (std::set<size_t>{0, 2, 3}));
  EXPECT_EQ(kept(1.0), (std::set<size_t>{0, 1, 2, 3}));
}

TEST(Sampler, MinPDropsWhatIsFarBelowTheBest) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.04f), std::log(0.3f), std::log(0.16f)};
  SamplingOptions options;
  options.min_p = 0.1;
  EXPECT_TRUE(
      is_close(Sampler(options, 4).probabilities(logits), expected_probabilities(logits, 1, {0, 2, 3}), {1e-7, 1e-6}));
  options.min_p = 1;
  EXPECT_TRUE(
      is_close(Sampler(options, 4).probabilities(logits), expected_probabilities(logits, 1, {0}), {1e-7, 1e-6}));
}

TEST(Sampler, RepetitionPenaltyWeakensOnlyTokensOfThatRow) {
  const std::vector<float> logits = {2, 2, -1, -1};
  SamplingOptions options;
  options.repetition_penalty = 2;
  Sampler sampler(options, 4, 2);
  sampler.observe(0, 0);
  sampler.observe(0, 2);
  const std::vector<float> weakened = {1, 2, -2, -1};
  EXPECT_TRUE(
      is_close(sampler.probabilities(logits, 0), expected_probabilities(weakened, 1, {0, 1, 2, 3}), {1e-7, 1e-6}));
  EXPECT_TRUE(
      is_close(sampler.probabilities(logits, 1), expected_probabilities(logits, 1, {0, 1, 2, 3}), {1e-7, 1e-6}));
  options.temperature = 0;
  Sampler greedy(options, 4);
  greedy.observe(0, 0);
  EXPECT_EQ(greedy.draw(logits, 0, 0), 1);
}

// At every place of whole blocks and of what is left, the first of equals; whatever is not a number is seen.
TEST(Argmax, FindsTheFirstLargestAndWhatIsNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const size_t n : {1u, 63u, 64u, 65u, 200u, 256u}) {
    for (size_t i = 0; i < n; ++i) {
      std::vector<float> scores(n, -infinity);
      EXPECT_EQ(argmax(scores), -1);
      for (size_t j = 0; j < n; ++j) scores[j] = -1.0f - static_cast<float>(j % 7);
      scores[i] = 0.5f;
      ASSERT_EQ(argmax(scores), static_cast<int32_t>(i)) << n;
      scores[n - 1] = 0.5f;
      ASSERT_EQ(argmax(scores), static_cast<int32_t>(i)) << n;
      for (const float bad : {nan, infinity}) {
        std::vector<float> damaged = scores;
        damaged[i] = bad;
        ASSERT_EQ(argmax(damaged), -1) << n;
      }
    }
  }
  EXPECT_EQ(argmax({}), -1);
}

// C-10.6: 40,000 draws follow the distribution (chi-square, 11 degrees of freedom: 31.3 is its 0.1 % tail).
TEST(Sampler, DrawsFollowTheProbabilities) {
  const std::vector<float> logits = some_logits(12);
  SamplingOptions options;
  options.temperature = 1.3;
  Sampler sampler(options, 12);
  const std::vector<float> p = sampler.probabilities(logits);
  std::vector<int64_t> counts(12, 0);
  const int64_t draws = 40000;
  for (int64_t step = 0; step < draws; ++step) ++counts[static_cast<size_t>(sampler.draw(logits, 0, step))];
  double chi_square = 0;
  for (size_t i = 0; i < 12; ++i) {
    const double expected = static_cast<double>(p[i]) * static_cast<double>(draws);
    ASSERT_GT(expected, 5);
    chi_square += std::pow(static_cast<double>(counts[i]) - expected, 2) / expected;
  }
  EXPECT_LT(chi_square, 31.3);
}

// C-10.7
TEST(Sampler, SeedsRowsAndStepsNameTheDraw) {
  const std::vector<float> logits(200, 0.0f);
  const auto sequence = [&](uint64_t seed, int64_t row) {
    SamplingOptions options;
    options.seed = seed;
    Sampler sampler(options, 200, 4);
    std::vector<int32_t> tokens;
    for (int64_t step = 0; step < 20; ++step) tokens.push_back(sampler.draw(logits, row, step));
    return tokens;
  };
  EXPECT_EQ(sequence(42, 1), sequence(42, 1));
  EXPECT_NE(sequence(42, 1), sequence(43, 1));
  EXPECT_NE(sequence(42, 1), sequence(42, 2));
  const std::vector<int32_t> tokens = sequence(42, 0);
  EXPECT_GT(std::set<int32_t>(tokens.begin(), tokens.end()).size(), 10u) << "steps repeat the same draw";
}

TEST(Sampler, TokensWithoutProbabilityAreNeverDrawn) {
  const float minus = -std::numeric_limits<float>::infinity();
  const std::vector<float> logits = {minus, 0, minus, 0, minus};
  Sampler sampler({}, 5);
  for (int64_t step = 0; step < 200; ++step) EXPECT_EQ(sampler.draw(logits, 0, step) % 2, 1);
}

TEST(Sampler, LogitsThatAreNotFiniteGiveNoToken) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const double temperature : {0.0, 1.0}) {
    SamplingOptions options;
    options.temperature = temperature;
    Sampler sampler(options, 3);
    EXPECT_EQ(sampler.draw(std::vector<float>{0, std::nanf(""), 1}, 0, 0), -1);
    EXPECT_EQ(sampler.draw(std::vector<float>{0, infinity, 1}, 0, 0), -1);
    EXPECT_EQ(sampler.draw(std::vector<float>{-infinity, -infinity, -infinity}, 0, 0), -1);
  }
}

}  // namespace
}  // namespace lathe::infer
