// Preferences as an objective: the reference, the first step, batches, gradients, resume.
#include "train/preference_objective.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "optim/optimizer.h"
#include "tests/ref/thread_ranks.h"
#include "tests/train/preference_fixture.h"
#include "train/loop.h"

namespace lathe::train {
namespace {

using lathe::testing::check;
using lathe::testing::figure;
using lathe::testing::is_close;
using lathe::testing::random_model;
using lathe::testing::random_set;
using lathe::testing::sampler_of;
using lathe::testing::Scope;
using lathe::testing::small_adapter;
using lathe::testing::take;

constexpr int64_t kLength = 32;

PreferenceOptions small_options(int64_t pairs = 3, int64_t accumulation = 2) {
  PreferenceOptions options;
  options.pairs = pairs;
  options.accumulation = accumulation;
  return options;
}

std::vector<float> gradients_of(const std::vector<autograd::Parameter*>& parameters) {
  std::vector<float> out;
  for (const autograd::Parameter* p : parameters) {
    EXPECT_TRUE(p->has_grad) << p->name;
    for (const float x : p->grad.span<float>()) out.push_back(x);
  }
  return out;
}

void clear(const std::vector<autograd::Parameter*>& parameters) {
  for (autograd::Parameter* p : parameters) {
    p->grad.fill_zero();
    p->has_grad = false;
  }
}

// A few steps of the adapter's B away from zero, so that policy and reference differ.
void move(model::Adapter& adapter) {
  for (autograd::Parameter* p : adapter.parameters()) {
    Rng rng(9, p->name);
    for (float& x : p->value.span<float>()) x += static_cast<float>(0.2 * rng.normal());
  }
  adapter.refresh();
}

// L-9.9, L-9.8, L-7.20
TEST(PreferenceObjective, BeginsAtLnTwoWithEveryMarginZeroUnderAFreshAdapter) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const auto& small : lathe::testing::small_models(kLength)) {
      SCOPED_TRACE(small.name);
      auto model = random_model(small.config, dtype);
      const auto adapter = small_adapter(*model, 0.5);
      std::vector<PreferenceSet> sets = {random_set(20, 1)};
      PreferenceObjective objective(*model, sets, sampler_of(sets), {adapter.get(), {}}, adapter->parameters(),
                                    small_options());
      Scope scope;
      const StepOutcome outcome = scope.step(objective, 0);
      EXPECT_EQ(outcome.loss, std::numbers::ln2);
      EXPECT_EQ(figure(outcome, "dpo/margin"), 0);
      EXPECT_EQ(figure(outcome, "dpo/rewards/chosen"), 0);
      EXPECT_EQ(figure(outcome, "dpo/kl"), 0);
      EXPECT_EQ(figure(outcome, "dpo/update_norm"), 0);
      EXPECT_TRUE(adapter->enabled());
    }
  }
}

// L-9.8
TEST(PreferenceObjective, TrainsTheAdapterAloneAndLeavesItOn) {
  auto model = random_model(lathe::testing::small_models(kLength)[3].config, DType::kFloat32, true);
  const auto adapter = small_adapter(*model);
  move(*adapter);
  std::vector<PreferenceSet> sets = {random_set(20, 1)};
  PreferenceObjective objective(*model, sets, sampler_of(sets), {adapter.get(), {}}, adapter->parameters(),
                                small_options());
  Scope scope;
  const StepOutcome outcome = scope.step(objective, 0);
  EXPECT_NE(figure(outcome, "dpo/margin"), 0);
  for (const autograd::Parameter* p : model->parameters()) EXPECT_FALSE(p->has_grad) << p->name;
  double norm = 0;
  for (const float x : gradients_of(adapter->parameters())) norm += std::abs(static_cast<double>(x));
  EXPECT_GT(norm, 0);
  EXPECT_TRUE(adapter->enabled());
}

// L-9.8
TEST(PreferenceObjective, GivesTheSameBitsWithAReferenceFromBeforehand) {
  auto model = random_model(lathe::testing::small_models(kLength)[0].config, DType::kFloat32);
  const auto adapter = small_adapter(*model);
  std::vector<PreferenceSet> sets = {random_set(20, 1)};
  Scope scope;
  const std::vector<AnswerSums> reference = score_pairs(*model, scope.ctx, sets[0].pairs, 6);  // B is still zero
  move(*adapter);
  PreferenceObjective live(*model, sets, sampler_of(sets), {adapter.get(), {}}, adapter->parameters(), small_options());
  const StepOutcome a = scope.step(live, 0);
  const std::vector<float> expected = gradients_of(adapter->parameters());
  clear(adapter->parameters());
  PreferenceObjective cached(*model, sets, sampler_of(sets), {nullptr, {reference}}, adapter->parameters(),
                             small_options());
  const StepOutcome b = scope.step(cached, 0);
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(gradients_of(adapter->parameters()), expected);
}

// L-9.7: padding, and which pairs stand together, change neither loss nor gradient.
TEST(PreferenceObjective, DoesNotDependOnTheMicroBatch) {
  auto model = random_model(lathe::testing::small_models(kLength)[3].config, DType::kFloat32);
  const auto adapter = small_adapter(*model);
  move(*adapter);
  std::vector<PreferenceSet> sets = {random_set(20, 1)};
  Scope scope;
  std::vector<float> expected;
  double loss = 0;
  for (const int64_t pairs : {int64_t{6}, int64_t{1}, int64_t{2}}) {
    PreferenceObjective objective(*model, sets, sampler_of(sets), {adapter.get(), {}}, adapter->parameters(),
                                  small_options(pairs, 6 / pairs));
    clear(adapter->parameters());
    const StepOutcome outcome = scope.step(objective, 0);
    if (expected.empty()) {
      expected = gradients_of(adapter->parameters());
      loss = outcome.loss;
      EXPECT_GT(figure(outcome, "dpo/padding_share"), 0);
    }
    EXPECT_NEAR(outcome.loss, loss, 1e-12);
    EXPECT_TRUE(is_close(gradients_of(adapter->parameters()), expected, {2e-6, 1e-4}));
  }
}

TEST(PreferenceObjective, HasTheDerivativeOfItsLoss) {
  auto model = random_model(lathe::testing::small_models(kLength)[3].config, DType::kFloat32);
  const auto adapter = small_adapter(*model);
  move(*adapter);
  std::vector<PreferenceSet> sets = {random_set(20, 1)};
  PreferenceOptions options = small_options();
  options.loss.beta = 0.5;
  Scope scope;
  const auto loss_now = [&](bool keep) {
    PreferenceObjective objective(*model, sets, sampler_of(sets), {adapter.get(), {}}, adapter->parameters(), options);
    if (!keep) clear(adapter->parameters());
    return scope.step(objective, 0).loss;
  };
  clear(adapter->parameters());
  loss_now(true);
  std::vector<double> analytic, numeric;
  std::vector<std::vector<float>> grads;
  for (const autograd::Parameter* p : adapter->parameters())
    grads.push_back({p->grad.span<float>().begin(), p->grad.span<float>().end()});
  for (size_t i = 0; i < adapter->parameters().size(); i += 3) {
    autograd::Parameter* p = adapter->parameters()[i];
    // Along the gradient itself: the largest change for a step.
    double norm = 0;
    for (const float g : grads[i]) norm += static_cast<double>(g) * static_cast<double>(g);
    norm = std::sqrt(norm);
    const std::vector<float> before(p->value.span<float>().begin(), p->value.span<float>().end());
    double sides[2];
    constexpr double kStep = 5e-3;
    for (const int side : {0, 1}) {
      for (size_t k = 0; k < before.size(); ++k)
        p->value.data<float>()[k] =
            before[k] + static_cast<float>((side == 0 ? -kStep : kStep) * static_cast<double>(grads[i][k]) / norm);
      adapter->refresh();
      sides[side] = loss_now(false);
    }
    std::copy(before.begin(), before.end(), p->value.data<float>());
    adapter->refresh();
    analytic.push_back(norm);
    numeric.push_back((sides[1] - sides[0]) / (2 * kStep));
  }
  EXPECT_TRUE(is_close(analytic, numeric, {1e-4, 5e-3}));
}

// L-9.15: one sequence of pairs, dealt by weights, whatever was interrupted.
TEST(PreferenceObjective, TakesPairsByWeightAndGoesOnWhereItStopped) {
  auto model = random_model(lathe::testing::small_models(kLength)[3].config, DType::kFloat32);
  const auto adapter = small_adapter(*model);
  move(*adapter);
  std::vector<PreferenceSet> sets = {random_set(30, 1, "a"), random_set(30, 2, "b")};
  const auto make = [&](std::vector<double> weights) {
    return PreferenceObjective(*model, sets, sampler_of(sets, weights), {adapter.get(), {}}, adapter->parameters(),
                               small_options());
  };
  Scope scope;
  std::vector<double> losses;
  PreferenceObjective whole = make({0.7, 0.3});
  for (int64_t step = 0; step < 6; ++step) losses.push_back(scope.step(whole, step).loss);
  PreferenceObjective first = make({0.7, 0.3});
  for (int64_t step = 0; step < 3; ++step) EXPECT_EQ(scope.step(first, step).loss, losses[static_cast<size_t>(step)]);
  const Json state = take(parse_json(first.state().dump()));
  PreferenceObjective second = make({0.7, 0.3});
  check(second.restore(state));
  for (int64_t step = 3; step < 6; ++step) EXPECT_EQ(scope.step(second, step).loss, losses[static_cast<size_t>(step)]);
  EXPECT_EQ(second.state(), whole.state());
  PreferenceObjective other = make({0.5, 0.5});
  EXPECT_NE(other.restore(state).error().to_string().find("other preference pairs"), std::string::npos);
  EXPECT_FALSE(other.restore(Json::object()).ok());
}

TEST(PreferenceObjective, SharesThePairsOfAStepAmongRanks) {
  std::vector<PreferenceSet> sets = {random_set(20, 1)};
  const auto step = [&](dist::Communicator* world, int64_t pairs, std::vector<float>& gradients) {
    auto model = random_model(lathe::testing::small_models(kLength)[3].config, DType::kFloat32);
    const auto adapter = small_adapter(*model);
    move(*adapter);
    PreferenceObjective objective(*model, sets, sampler_of(sets), {adapter.get(), {}}, adapter->parameters(),
                                  small_options(pairs, 1));
    Scope scope;
    if (world != nullptr) scope.world = world;
    scope.step(objective, 0);
    const StepOutcome outcome = scope.step(objective, 1);
    gradients = gradients_of(adapter->parameters());
    return outcome;
  };
  std::vector<float> whole, half[2];
  const StepOutcome alone = step(nullptr, 6, whole);
  lathe::testing::ThreadRanks::run(2, [&](dist::Communicator& job) {
    const StepOutcome outcome = step(&job, 3, half[job.rank()]);
    EXPECT_NEAR(outcome.loss, alone.loss, 1e-12);
    EXPECT_NEAR(figure(outcome, "dpo/margin"), figure(alone, "dpo/margin"), 1e-12);
  });
  std::vector<float> mean;
  for (size_t i = 0; i < whole.size(); ++i) mean.push_back((half[0][i] + half[1][i]) / 2);
  EXPECT_TRUE(is_close(mean, whole, {2e-6, 1e-4}));
}

TEST(PreferenceObjective, RefusesToRunWithoutTheReferenceItsLossNeeds) {
  auto model = random_model(lathe::testing::small_models(kLength)[3].config, DType::kFloat32, true);
  std::vector<PreferenceSet> sets = {random_set(5, 1)};
  PreferenceOptions options = small_options();
  EXPECT_THROW(PreferenceObjective(*model, sets, sampler_of(sets), {}, model->parameters(), options),
               std::invalid_argument);
  options.loss.reference_free = true;
  EXPECT_NO_THROW(PreferenceObjective(*model, sets, sampler_of(sets), {}, model->parameters(), options));
}

// L-9.8, L-9.14: full weights with a reference computed beforehand; what is learned, on pairs that a rule decides.
TEST(PreferenceObjective, TeachesFullWeightsWhatWasPreferred) {
  auto model = random_model(model::llama_config(lathe::testing::small_plain(kLength, false)), DType::kFloat32, true);
  PreferenceSet set = random_set(64, 1);
  for (auto& pair : set.pairs) pair.chosen = {5, 6, 7}, pair.rejected = {7, 6, 5};
  std::vector<PreferenceSet> sets = {set};
  PreferenceSet held_out = random_set(8, 2);
  for (auto& pair : held_out.pairs) pair.chosen = {5, 6, 7}, pair.rejected = {7, 6, 5};
  Scope scope;
  const std::vector<AnswerSums> reference = score_pairs(*model, scope.ctx, set.pairs, 8);
  PreferenceObjective objective(*model, sets, sampler_of(sets), {nullptr, {reference}}, model->parameters(),
                                small_options(4, 1));
  objective.set_validation_reference(score_pairs(*model, scope.ctx, held_out.pairs, 8));
  optim::AdamwRates rates;
  rates.lr = 2e-3;
  optim::Optimizer optimizer(optim::adamw_groups(model->parameters(), rates));
  const PreferenceFigures before = take(objective.validate(scope.ctx, held_out));
  EXPECT_EQ(before.mean(before.loss), std::numbers::ln2);
  EXPECT_EQ(before.accuracy(), 0);
  for (int64_t step = 0; step < 12; ++step) {
    scope.step(objective, step);
    optimizer.set_lr_multiplier(1);
    optimizer.step(scope.ctx);
  }
  const PreferenceFigures after = take(objective.validate(scope.ctx, held_out));
  EXPECT_EQ(after.accuracy(), 1);
  EXPECT_LT(after.mean(after.loss), 0.6);
  EXPECT_GT(objective.update_norm(), 0);
  const StepOutcome last = scope.step(objective, 12);
  EXPECT_EQ(figure(last, "val/accuracy"), 1);  // the last validation stands beside the steps
  EXPECT_GT(figure(last, "dpo/logps/chosen"), figure(last, "dpo/logps/rejected"));
}

}  // namespace
}  // namespace lathe::train
