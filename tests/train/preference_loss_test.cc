// Losses over preference pairs: values by hand, gradients against differences.
#include "train/preference_loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/ref/testing.h"

namespace lathe::train {
namespace {

using lathe::testing::is_close;
using lathe::testing::take;

const PairLogps kPair{{-12.5, -13.25, 5}, {-20.0, -18.5, 9}};

// L-9.9
TEST(PreferenceLoss, OfAPolicyThatIsItsReferenceIsLnTwoWithoutMargin) {
  for (const double beta : {0.01, 0.1, 5.0}) {
    PreferenceLossOptions options;
    options.beta = beta;
    const PairLoss loss = preference_loss({{-12.5, -12.5, 5}, {-20, -20, 9}}, options);
    EXPECT_EQ(loss.loss, std::numbers::ln2);
    EXPECT_EQ(loss.margin(), 0);
    EXPECT_LT(loss.d_chosen, 0);  // and yet it has a gradient
  }
}

// L-9.6
TEST(PreferenceLoss, OfSigmoidIsTheFormula) {
  const PairLoss loss = preference_loss(kPair, {});
  EXPECT_NEAR(loss.loss, -std::log(1 / (1 + std::exp(-0.1 * (0.75 + 1.5)))), 1e-15);
  EXPECT_NEAR(loss.chosen_reward, 0.075, 1e-15);
  EXPECT_NEAR(loss.rejected_reward, -0.15, 1e-15);
}

TEST(PreferenceLoss, HasTheDerivativeOfItsValueForEveryType) {
  constexpr double kStep = 1e-5;
  for (const std::string& name : preference_loss_names()) {
    SCOPED_TRACE(name);
    PreferenceLossOptions options;
    options.type = take(find_preference_loss(name));
    options.beta = 0.7;
    options.gamma = 0.3;
    if (name == "sigmoid" || name == "robust") options.label_smoothing = 0.2;
    const auto at = [&](double chosen, double rejected) {
      PairLogps pair = kPair;
      pair.chosen.policy += chosen;
      pair.rejected.policy += rejected;
      return preference_loss(pair, options).loss;
    };
    // A pair inside the hinge, so that no difference crosses its corner.
    PairLogps inside = kPair;
    if (name == "hinge") {
      inside.rejected.policy += 3;
      const PairLoss loss = preference_loss(inside, options);
      EXPECT_NEAR(loss.d_chosen, -0.7, 1e-12);
      EXPECT_NEAR(loss.d_rejected, 0.7, 1e-12);
      continue;
    }
    const PairLoss loss = preference_loss(kPair, options);
    const std::vector<double> numeric = {(at(kStep, 0) - at(-kStep, 0)) / (2 * kStep),
                                         (at(0, kStep) - at(0, -kStep)) / (2 * kStep)};
    EXPECT_TRUE(is_close(std::vector<double>{loss.d_chosen, loss.d_rejected}, numeric, {1e-7, 1e-6}));
  }
}

TEST(PreferenceLoss, LooksAtNoReferenceWhenItIsFreeOfOne) {
  for (const char* name : {"sigmoid", "simpo"}) {
    PreferenceLossOptions options;
    options.type = take(find_preference_loss(name));
    options.reference_free = true;
    PairLogps other = kPair;
    other.chosen.reference = -99;
    other.rejected.reference = 99;
    EXPECT_EQ(preference_loss(kPair, options).loss, preference_loss(other, options).loss);
    EXPECT_FALSE(options.needs_reference());
  }
}

TEST(PreferenceLoss, StaysFiniteFarFromTheReference) {
  for (const std::string& name : preference_loss_names()) {
    PreferenceLossOptions options;
    options.type = take(find_preference_loss(name));
    for (const double far : {-1e4, 1e4}) {
      const PairLoss loss = preference_loss({{far, 0, 3}, {-far, 0, 3}}, options);
      EXPECT_TRUE(std::isfinite(loss.loss) && std::isfinite(loss.d_chosen) && std::isfinite(loss.d_rejected))
          << name << far;
    }
  }
}

// L-9.10
TEST(PreferenceLoss, RefusesOptionsThatMeanNothingByName) {
  EXPECT_NE(find_preference_loss("sigmod").error().to_string().find("sigmoid"), std::string::npos);
  PreferenceLossOptions options;
  options.label_smoothing = 0.1;
  EXPECT_TRUE(options.check().ok());
  options.type = PreferenceLossType::kHinge;
  EXPECT_NE(options.check().error().to_string().find("label_smoothing"), std::string::npos);
  options.type = PreferenceLossType::kRobust;
  options.label_smoothing = 0.5;
  EXPECT_FALSE(options.check().ok());
  options = {};
  options.beta = 0;
  EXPECT_NE(options.check().error().to_string().find("beta"), std::string::npos);
}

// L-9.14
TEST(PreferenceFigures, AreMeansOverPairsAndAddUp) {
  PreferenceFigures a, b;
  a.add(kPair, preference_loss(kPair, {}), true);
  const PairLogps wrong{{-14, -13, 5}, {-15, -16, 9}};
  b.add(wrong, preference_loss(wrong, {}), true);
  PreferenceFigures both;
  both.set_values((PreferenceFigures() += a).values());
  both += b;
  EXPECT_EQ(both.accuracy(), 0.5);
  EXPECT_NEAR(both.mean(both.chosen_reward), (0.075 - 0.1) / 2, 1e-15);
  EXPECT_NEAR(both.mean(both.rejected_reward), (-0.15 + 0.1) / 2, 1e-15);
  EXPECT_NEAR(both.mean(both.kl), ((0.75 * 0.75 + 1.5 * 1.5) / 4 + 0.5) / 2, 1e-15);
  std::vector<std::string> names;
  for (const auto& figure : both.named("dpo/")) names.push_back(figure.first);
  const std::vector<std::string> wanted = {"dpo/loss",         "dpo/rewards/chosen", "dpo/rewards/rejected",
                                           "dpo/margin",       "dpo/accuracy",       "dpo/ranking_accuracy",
                                           "dpo/logps/chosen", "dpo/logps/rejected", "dpo/kl"};
  EXPECT_EQ(both.mean(both.ranked), 1);
  EXPECT_EQ(names, wanted);
}

}  // namespace
}  // namespace lathe::train
