// The small trainer's and the lab's sampling rules: order, window of the penalty, n-gram ban, greedy.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "core/rng.h"
#include "infer/engine.h"
#include "infer/sampler.h"
#include "tests/infer/mock_model.h"

namespace lathe::infer {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Sampler sampler(const SamplingOptions& options, const std::vector<int32_t>& seen, int64_t vocab = 4) {
  Sampler out(options, vocab);
  for (const int32_t token : seen) out.observe(0, token);
  return out;
}

std::set<size_t> support(Sampler sampler, const std::vector<float>& logits) {
  std::set<size_t> out;
  const std::vector<float> p = sampler.probabilities(logits);
  for (size_t i = 0; i < p.size(); ++i)
    if (p[i] > 0) out.insert(i);
  return out;
}

// L-12.1: penalty, ban, temperature, top_k, top_p, worked out by hand. Tokens 0 to 3 have 4, 3, 2, 1; token 0 is halved to 2 by
// the penalty, token 1 banned as the end of a repeated pair; of 2, 2, 1 at temperature 2 top_k keeps two, top_p the first.
TEST(SamplingOrder, PenaltyThenBanThenTemperatureThenTopKThenTopP) {
  SamplingOptions options;
  options.repetition_penalty = 2;
  options.no_repeat_ngram_size = 2;
  options.temperature = 2;
  const std::vector<float> logits = {4, 3, 2, 1};
  const std::vector<int32_t> row = {0, 1, 0};
  std::vector<float> p = sampler(options, row).probabilities(logits);
  const double total = 2 * std::exp(1.0) + std::exp(0.5);
  EXPECT_NEAR(p[0], std::exp(1.0) / total, 1e-6);
  EXPECT_EQ(p[1], 0);
  EXPECT_NEAR(p[2], std::exp(1.0) / total, 1e-6);
  EXPECT_NEAR(p[3], std::exp(0.5) / total, 1e-6);
  options.top_k = 2;
  EXPECT_EQ(support(sampler(options, row), logits), (std::set<size_t>{0, 2}));
  options.top_p = 0.5;  // of the two that top_k left: had it come first, it would have kept both
  EXPECT_EQ(support(sampler(options, row), logits), (std::set<size_t>{0}));
}

// L-12.2
TEST(SamplingOrder, TemperatureZeroIsGreedyAndOddOnesAreErrors) {
  SamplingOptions options;
  options.temperature = 0;
  EXPECT_EQ(sampler(options, {}).draw(std::vector<float>{1, 5, 5, 0}, 0, 0), 1);
  for (const double bad : {-1.0, std::nan(""), HUGE_VAL}) {
    options.temperature = bad;
    EXPECT_FALSE(options.validate().ok()) << bad;
  }
}

// L-12.3
TEST(TrapM7, TopKOfNothingOrMoreThanTheVocabularyIsOff) {
  const std::vector<float> logits = {3, 2, 2, 1};
  for (const int64_t k : {0, 4, 5, 1'000'000}) {
    SamplingOptions options;
    options.top_k = k;
    EXPECT_EQ(support(sampler(options, {}), logits).size(), 4u) << k;
  }
  SamplingOptions two;
  two.top_k = 2;
  EXPECT_EQ(support(sampler(two, {}), logits), (std::set<size_t>{0, 1}));  // the lower id of the equal ones
}

// L-12.4
TEST(SamplingOrder, TopPKeepsTheSmallestSetThatReachesItAtLeastOneToken) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f), -100};
  const auto kept = [&](double p) {
    SamplingOptions options;
    options.top_p = p;
    EXPECT_TRUE(options.validate().ok());
    return support(sampler(options, {}), logits).size();
  };
  EXPECT_EQ(kept(0), 1u);
  EXPECT_EQ(kept(0.49), 1u);
  EXPECT_EQ(kept(0.6), 2u);
  EXPECT_EQ(kept(0.9), 3u);
  SamplingOptions options;
  options.top_p = 1.01;
  EXPECT_FALSE(options.validate().ok());
}

// L-12.4: of a large vocabulary, whether p is reached early or late, and among equals.
TEST(SamplingOrder, TopPOfALargeVocabularyIsThePrefixOfTheSortedOne) {
  constexpr int32_t kVocab = 5000;
  for (const double spread : {0.0, 0.3, 1.0, 8.0}) {
    Rng rng(3, "logits");
    std::vector<float> logits(kVocab);
    for (float& logit : logits) logit = static_cast<float>(std::round(spread * 4 * rng.normal()) / 4);
    std::vector<size_t> order(kVocab);
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
    double total = 0;
    for (const float logit : logits) total += std::exp(static_cast<double>(logit) - logits[order[0]]);
    for (const double top_p : {0.1, 0.2048, 0.2052, 0.9, 0.999}) {
      std::set<size_t> expected;
      double sum = 0;
      for (const size_t token : order) {
        if (sum >= top_p * total) break;
        sum += std::exp(static_cast<double>(logits[token]) - logits[order[0]]);
        expected.insert(token);
      }
      SamplingOptions options;
      options.top_p = top_p;
      EXPECT_EQ(support(Sampler(options, kVocab), logits), expected) << spread << " " << top_p;
    }
  }
}

// L-12.5
TEST(RepetitionPenalty, DividesPositiveAndMultipliesNegativeLogitsOfTheWindow) {
  SamplingOptions options;
  options.repetition_penalty = 4;
  const std::vector<float> logits = {2, -1, 2, -1};
  const auto scores = [&](int64_t window, const std::vector<int32_t>& row) {
    options.repetition_window = window;
    std::vector<float> out = sampler(options, row).probabilities(logits);
    for (float& x : out) x = std::log(x);
    return out;
  };
  const std::vector<float> none = scores(0, {}), all = scores(0, {0, 1, 1}), last = scores(2, {0, 1, 1});
  const auto apart = [](const std::vector<float>& s, size_t a, size_t b) { return s[a] - s[b]; };
  EXPECT_NEAR(apart(none, 0, 2), 0, 1e-5);
  EXPECT_NEAR(apart(all, 0, 2), 0.5 - 2, 1e-5);
  EXPECT_NEAR(apart(all, 1, 3), -4 + 1, 1e-5);  // once, however often it came
  EXPECT_NEAR(apart(last, 0, 2), 0, 1e-5);      // beyond the window
  EXPECT_NEAR(apart(last, 1, 3), -4 + 1, 1e-5);
  options.repetition_penalty = 0;
  EXPECT_FALSE(options.validate().ok());
  options.repetition_penalty = 1, options.repetition_window = -1;
  EXPECT_FALSE(options.validate().ok());
}

// A run counts wherever it stands in the row, the prompt included.
TEST(NoRepeatNgram, BansWhatWouldCompleteARunThatWasThere) {
  SamplingOptions options;
  options.no_repeat_ngram_size = 3;
  const std::vector<float> logits = {0, 0, 0, 0};
  EXPECT_EQ(support(sampler(options, {1, 2, 3, 0, 1, 2}), logits), (std::set<size_t>{0, 1, 2}));
  EXPECT_EQ(support(sampler(options, {1, 2}), logits).size(), 4u);
  options.no_repeat_ngram_size = 1;
  EXPECT_EQ(support(sampler(options, {1, 2}), logits), (std::set<size_t>{0, 3}));
  EXPECT_EQ(support(sampler(options, {0, 1, 2, 3, 3}), logits).size(), 4u) << "all banned: none is";
}

// L-12.7
TEST(GreedyOptions, LeaveTheOtherSettingsOutAndNameThem) {
  SamplingOptions options;
  options.temperature = 0.7, options.top_p = 0.9, options.repetition_penalty = 1.1, options.no_repeat_ngram_size = 3;
  std::vector<std::string> ignored;
  const SamplingOptions greedy = options.greedy(&ignored);
  EXPECT_EQ(ignored, (std::vector<std::string>{"temperature", "top_p", "repetition_penalty", "no_repeat_ngram_size"}));
  EXPECT_EQ(greedy.temperature, 0);
  // The penalty would choose token 2.
  EXPECT_EQ(sampler(greedy, {1, 1}).draw(std::vector<float>{1, 1.05f, 1, 0}, 0, 0), 1);
}

TEST(SamplingOrder, LogitsThatAreNotFiniteStayAnErrorUnderAPenalty) {
  SamplingOptions options;
  options.repetition_penalty = 1.3, options.repetition_window = 2, options.no_repeat_ngram_size = 2;
  EXPECT_EQ(sampler(options, {0, 1}).draw(std::vector<float>{1, kNan, 0, 0}, 0, 0), -1);
}

// L-12.10: a row's tokens depend on its own text, its place and the seed, whoever its neighbours are.
TEST(SamplingOrder, NeighboursDoNotMatter) {
  SamplingOptions options;
  options.repetition_penalty = 1.5, options.repetition_window = 3, options.no_repeat_ngram_size = 2;
  const auto draw_rows = [&](int64_t rows) {
    Sampler together(options, 6, rows);
    std::vector<int32_t> first;
    for (int64_t step = 0; step < 40; ++step)
      for (int64_t row = 0; row < rows; ++row) {
        std::vector<float> logits(6);
        for (size_t i = 0; i < 6; ++i) logits[i] = static_cast<float>(std::sin(static_cast<double>(i * 7) + static_cast<double>(row + step)));
        const int32_t token = together.draw(logits, row, step);
        together.observe(row, token);
        if (row == 0) first.push_back(token);
      }
    return first;
  };
  EXPECT_EQ(draw_rows(1), draw_rows(5));
}

}  // namespace
}  // namespace lathe::infer
