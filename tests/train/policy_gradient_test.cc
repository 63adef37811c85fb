// The arithmetic of the policy gradient, apart from models.
#include "train/policy_gradient.h"

#include <cmath>

#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

using train::AdvantageKind;
using train::PolicyFigures;
using train::PolicyLoss;
using train::PolicyPass;

infer::Rollout rollout(std::vector<int32_t> tokens, std::vector<uint8_t> mask, int64_t prompt, bool completed) {
  infer::Rollout out;
  out.tokens = std::move(tokens);
  out.mask = std::move(mask);
  out.prompt_length = prompt;
  out.completed = completed;
  for (size_t i = static_cast<size_t>(prompt); i < out.tokens.size(); ++i) out.log_probs.push_back(-static_cast<float>(i));
  return out;
}

// C-9.7, C-9.21
TEST(Advantages, AreRewardsLessTheirMean) {
  EXPECT_EQ(train::advantages(std::vector<double>{1, 0, 0, 1}, AdvantageKind::kMean), (std::vector<double>{0.5, -0.5, -0.5, 0.5}));
  EXPECT_EQ(train::advantages(std::vector<double>{1, 1, 1}, AdvantageKind::kMean), (std::vector<double>{0, 0, 0}));
}

TEST(Advantages, NormalisedOnesHaveTheSameDeviationForEveryProblem) {
  const double deviation = std::sqrt(1.0 / 3);  // of n - 1
  EXPECT_TRUE(is_close(train::advantages(std::vector<double>{1, 0, 0, 1}, AdvantageKind::kNormalised),
                       std::vector<double>{0.5 / (deviation + 1e-4), -0.5 / (deviation + 1e-4), -0.5 / (deviation + 1e-4), 0.5 / (deviation + 1e-4)},
                       {1e-12, 0}));
  EXPECT_EQ(train::advantages(std::vector<double>{1, 1}, AdvantageKind::kNormalised), (std::vector<double>{0, 0}));
}

// C-9.8: prompt, forced tokens and padding are no targets; padding is the token given.
TEST(MakePass, MasksWhatWasNotSampled) {
  const std::vector<infer::Rollout> rollouts = {rollout({1, 2, 3, 4, 5}, {0, 0, 1, 0, 1}, 2, false), rollout({1, 2, 9}, {0, 0, 1}, 2, true)};
  const PolicyPass pass = train::make_pass(rollouts, std::vector<double>{0.25, -0.5}, 7, true);
  EXPECT_EQ(pass.columns, 4);
  EXPECT_EQ(pass.inputs, (std::vector<int32_t>{1, 2, 3, 4, 1, 2, 9, 7}));
  EXPECT_EQ(pass.targets, (std::vector<int32_t>{-1, 3, -1, 5, -1, 9, -1, -1}));
  EXPECT_EQ(pass.advantage, (std::vector<float>{0, 0.25, 0, 0.25, 0, -0.5, 0, 0}));
  EXPECT_EQ(pass.old_log_probs[1], -2);
  EXPECT_EQ(pass.old_log_probs[3], -4);
  EXPECT_EQ(pass.valid, 3);
}

// C-9.9: stopping is trained, unless asked otherwise.
TEST(MakePass, TheTerminalTokenIsATargetOnlyIfWanted) {
  const std::vector<infer::Rollout> one = {rollout({1, 2, 9}, {0, 1, 1}, 1, true)};
  EXPECT_EQ(train::make_pass(one, std::vector<double>{1}, 7, true).targets, (std::vector<int32_t>{2, 9}));
  EXPECT_EQ(train::make_pass(one, std::vector<double>{1}, 7, false).targets, (std::vector<int32_t>{2}));
  const std::vector<infer::Rollout> empty = {rollout({1, 9}, {0, 1}, 1, true)};
  EXPECT_EQ(train::make_pass(empty, std::vector<double>{1}, 7, false).valid, 0) << "an empty answer, nothing to train";
}

struct Derivative : ::testing::TestWithParam<PolicyLoss> {};

// factor = -d loss / d logp, by central differences; ratios inside and outside the clip, advantages of both signs.
TEST_P(Derivative, AgreesWithDifferencesOfTheLoss) {
  PolicyPass pass;
  pass.targets = {3, -1, 5, 6, 7, 8};
  pass.advantage = {0.5f, 0, -0.5f, 0.25f, -0.75f, 0};
  pass.old_log_probs = {-1, 0, -2, -1, -1, -3};
  pass.reference = {-1.5f, 0, -1, -1.25f, -0.5f, -2.5f};
  pass.divisor = 10;
  const std::vector<float> logp = {-1.0625f, 0, -2.0625f, -0.5f, -1.5f, -3.125f};
  std::vector<float> factor(6), ignored(6);
  PolicyFigures figures;
  train::policy_loss(pass, GetParam(), logp, factor, figures);
  for (size_t n = 0; n < 6; ++n) {
    const float h = 0x1p-12f;
    std::vector<float> up = logp, down = logp;
    up[n] += h;
    down[n] -= h;
    PolicyFigures plus, minus;
    train::policy_loss(pass, GetParam(), up, ignored, plus);
    train::policy_loss(pass, GetParam(), down, ignored, minus);
    EXPECT_NEAR(-(plus.loss - minus.loss) / (2 * static_cast<double>(h)), factor[n], 1e-6) << n;
  }
  EXPECT_EQ(factor[1], 0);
  EXPECT_EQ(figures.clipped, GetParam().clip ? 2 : 0) << "a better one made likelier, a worse one made rarer, beyond the clip";
  EXPECT_EQ(figures.kl > 0, GetParam().kl > 0);
}
INSTANTIATE_TEST_SUITE_P(All, Derivative, ::testing::Values(PolicyLoss{}, PolicyLoss{0.2, 0}, PolicyLoss{std::nullopt, 0.3}, PolicyLoss{0.2, 0.3}));

// C-9.10: REINFORCE's factors need no log-probabilities.
TEST(Reinforce, FactorsAreTheDerivative) {
  PolicyPass pass;
  pass.targets = {1, -1, 2};
  pass.advantage = {0.5f, 0, -0.25f};
  pass.divisor = 4;
  std::vector<float> factor(3), other(3);
  PolicyFigures figures;
  train::reinforce_factors(pass, factor);
  train::policy_loss(pass, {}, std::vector<float>{-1, 0, -3}, other, figures);
  EXPECT_EQ(factor, other);
  EXPECT_DOUBLE_EQ(figures.loss, -(0.5 * -1 + -0.25 * -3) / 4);
}

}  // namespace
}  // namespace lathe::testing
