#include "eval/preference_metrics.h"

#include <cmath>

#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

using eval::PairScore;

PairScore pair(double margin, int64_t chosen_tokens = 4, int64_t rejected_tokens = 5) { return {margin - 8, -10, -8, -10, chosen_tokens, rejected_tokens}; }

// L-9.17: the margin is scaled by beta; ties are neither won nor lost.
TEST(PreferenceMetrics, MarginAndWinRateByHand) {
  const std::vector<PairScore> pairs = {pair(2), pair(-1), pair(0), pair(3)};
  const Json figures = eval::preference_figures(pairs, 0.5);
  EXPECT_DOUBLE_EQ(figures.at("reward_margin").at("value").as_double(), 0.5 * (2 - 1 + 0 + 3) / 4);
  const Json& wins = figures.at("win_rate");
  EXPECT_EQ(wins.at("wins").as_int(), 2);
  EXPECT_EQ(wins.at("losses").as_int(), 1);
  EXPECT_EQ(wins.at("ties").as_int(), 1);
  EXPECT_DOUBLE_EQ(wins.at("accuracy").as_double(), 0.5);
  EXPECT_DOUBLE_EQ(wins.at("among_untied").as_double(), 2.0 / 3);
  // exp of the mean loss over all tokens, not a mean over pairs.
  EXPECT_DOUBLE_EQ(figures.at("perplexity_chosen").at("value").as_double(), std::exp((32 - 4) / 16.0));
  EXPECT_DOUBLE_EQ(figures.at("perplexity_rejected").at("value").as_double(), std::exp(40 / 20.0));
  EXPECT_DOUBLE_EQ(figures.at("reference_perplexity_chosen").at("value").as_double(), std::exp(32 / 16.0));
}

TEST(PreferenceMetrics, AModelThatIsItsReferenceOnlyTies) {
  const Json figures = eval::preference_figures(std::vector<PairScore>(7, pair(0)), 0.1);
  EXPECT_EQ(figures.at("win_rate").at("ties").as_int(), 7);
  EXPECT_EQ(figures.at("win_rate").at("accuracy").as_double(), 0);
  EXPECT_EQ(figures.at("win_rate").at("verdict").as_string(), "all ties: the model is its reference");
  EXPECT_TRUE(figures.at("win_rate").at("among_untied").is_null());
  EXPECT_FALSE(figures.at("success").at("margin_above_zero").as_bool());
}

// L-9.21
TEST(PreferenceMetrics, SuccessNeedsTheWholeIntervalAboveOneHalf) {
  std::vector<PairScore> pairs(60, pair(1));
  for (int i = 0; i < 40; ++i) pairs.push_back(pair(-0.5));
  const Json unsure = eval::preference_figures(std::span(pairs).subspan(45, 40), 0.1);  // 15 of 40
  EXPECT_FALSE(unsure.at("success").at("win_rate_above_half").as_bool());
  const Json sure = eval::preference_figures(pairs, 0.1);  // 60 of 100: from 0.502 on
  EXPECT_TRUE(sure.at("success").at("margin_above_zero").as_bool());
  EXPECT_TRUE(sure.at("success").at("win_rate_above_half").as_bool());
  pairs.resize(90);  // 60 of 90 still, then 55 of 100
  for (size_t i = 0; i < 5; ++i) pairs[i] = pair(-0.5);
  pairs.resize(100, pair(-0.5));
  EXPECT_FALSE(eval::preference_figures(pairs, 0.1).at("success").at("win_rate_above_half").as_bool());
}

// L-9.20: a model that prefers what is longer shows in the bins.
TEST(PreferenceMetrics, BinsByLength) {
  const std::vector<PairScore> pairs = {pair(1, 4, 7), pair(-1, 5, 6), pair(1, 8, 15), pair(2, 16, 4), pair(-2, 3, 9), pair(-1, 1, 40)};
  const std::vector<eval::LengthBin> bins = eval::by_length(pairs, 1);
  ASSERT_EQ(bins.size(), 4u);
  EXPECT_EQ(bins[0].name, "4 to 7 tokens");
  EXPECT_EQ(bins[0].wins.n, 2);
  EXPECT_DOUBLE_EQ(bins[0].wins.rate(), 0.5);
  EXPECT_EQ(bins[1].name, "8 to 15 tokens");
  EXPECT_EQ(bins[2].name, "chosen longer");
  EXPECT_DOUBLE_EQ(bins[2].wins.rate(), 1);
  EXPECT_EQ(bins[3].name, "chosen shorter");
  EXPECT_DOUBLE_EQ(bins[3].wins.rate(), 0);
  const Json figures = eval::preference_figures(pairs, 1);
  EXPECT_DOUBLE_EQ(figures.at("length_chosen").at("value").as_double(), (4 + 5 + 8 + 16 + 3 + 1) / 6.0);
  EXPECT_EQ(figures.at("length_bins").size(), 4u);
}

}  // namespace
}  // namespace lathe::testing
