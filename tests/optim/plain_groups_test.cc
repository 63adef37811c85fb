// Lion and AdamW with moments of 8 bits behind the optimizer: groups, names of the state, exact resume, and how near the
// coded moments come to a problem's solution.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "optim/optimizer.h"
#include "tests/optim/optim_testing.h"
#include "tests/ref/testing.h"

namespace lathe::optim {
namespace {

Model plain_model() {
  Model model;
  model.add("transformer.wte.weight", {100, 64});
  model.add("transformer.wpe.weight", {100, 64});
  model.add("transformer.h.0.attn.c_q.weight", {64, 64});
  model.add("transformer.h.0.attn.c_q.bias", {5000});
  model.add("transformer.h.0.mlp.c_fc.weight", {63, 65});  // one element too few for codes
  model.add("lm_head.weight", {100, 64});
  return model;
}

std::set<std::string> names_of(const std::vector<ParamGroup>& groups, GroupKind kind) {
  std::set<std::string> names;
  for (const ParamGroup& group : groups)
    if (group.kind == kind)
      for (const Parameter* p : group.parameters) names.insert(p->name);
  return names;
}

// L-11.38
TEST(Adamw8Groups, EmbeddingsAndSmallTensorsKeepMomentsOf32Bits) {
  const Model model = plain_model();
  const std::vector<ParamGroup> groups = adamw8_groups(model.parameters, {});
  EXPECT_EQ(names_of(groups, GroupKind::kAdamW8), (std::set<std::string>{"transformer.h.0.attn.c_q.weight", "transformer.h.0.attn.c_q.bias",
                                                                          "lm_head.weight"}));
  EXPECT_EQ(names_of(groups, GroupKind::kAdamW),
            (std::set<std::string>{"transformer.wte.weight", "transformer.wpe.weight", "transformer.h.0.mlp.c_fc.weight"}));
  for (const ParamGroup& group : groups)
    for (const Parameter* p : group.parameters) EXPECT_EQ(group.weight_decay, p->value.rank() >= 2 ? 0.1 : 0.0) << p->name;
}

// L-11.37, L-11.38: names, types and sizes of what a checkpoint holds.
TEST(Adamw8Groups, TheStateTakesAQuarterAndASixtyFourth) {
  const Model model = plain_model();
  const Optimizer optimizer(adamw8_groups(model.parameters, {}));
  int64_t codes = 0;
  for (const auto& [name, tensor] : optimizer.state_tensors()) {
    if (!name.starts_with("adamw8bit.")) continue;
    const bool scale = name.find("_scale.") != std::string::npos;
    EXPECT_EQ(tensor.dtype(), scale ? DType::kFloat32 : DType::kUInt8) << name;
    codes += tensor.bytes();
  }
  int64_t elements = 0, scales = 0;
  for (const int64_t n : {64 * 64, 5000, 100 * 64}) elements += n, scales += (n + 255) / 256;
  EXPECT_EQ(codes, 2 * elements + 2 * 4 * scales);
}

// L-11.37
TEST(LionGroups, HaveOneMomentumEach) {
  const Model model = plain_model();
  AdamwRates rates;
  rates.beta1 = 0.8, rates.beta2 = 0.7;
  const std::vector<ParamGroup> groups = lion_groups(model.parameters, rates);
  ASSERT_EQ(groups.size(), 2u);
  for (const ParamGroup& group : groups) {
    EXPECT_EQ(group.kind, GroupKind::kLion);
    EXPECT_EQ(group.beta1, 0.8);
    EXPECT_EQ(group.beta2, 0.7);
  }
  std::set<std::string> names;
  for (const auto& [name, tensor] : Optimizer(groups).state_tensors()) names.insert(name);
  EXPECT_EQ(names.size(), model.parameters.size());
  EXPECT_TRUE(names.contains("lion.m.lm_head.weight"));
}

class SmallOptimizer : public ::testing::TestWithParam<GroupKind> {
 protected:
  static std::vector<ParamGroup> groups(Model& model, double lr = 1e-2) {
    AdamwRates rates;
    rates.lr = lr;
    return GetParam() == GroupKind::kLion ? lion_groups(model.parameters, rates) : adamw8_groups(model.parameters, rates);
  }
};

// L-11.38: resumed from the tensors and settings of a checkpoint, a run goes on bit for bit.
TEST_P(SmallOptimizer, ResumesBitForBit) {
  ops::Context ctx;
  Model straight = plain_model(), resumed = plain_model();
  Optimizer first(groups(straight));
  const auto steps = [&](Model& model, Optimizer& optimizer, uint64_t from, uint64_t to) {
    for (uint64_t step = from; step < to; ++step) {
      model.make_gradients(step);
      if (step == 1) model["lm_head.weight"].has_grad = false;  // its step count falls behind
      optimizer.step(ctx);
    }
  };
  steps(straight, first, 0, 4);
  Optimizer::NamedTensors saved;
  for (const auto& [name, tensor] : first.state_tensors()) saved.emplace_back(name, tensor.clone());
  const std::string text = first.metadata().dump();
  for (Parameter* p : resumed.parameters) p->value.copy_from(straight[p->name].value);
  Optimizer second(groups(resumed, 1));
  testing::check(second.load(testing::take(parse_json(text)), saved));
  steps(straight, first, 4, 8);
  steps(resumed, second, 4, 8);
  for (const Parameter* p : straight.parameters)
    EXPECT_TRUE(std::equal(p->value.span<float>().begin(), p->value.span<float>().end(), resumed[p->name].value.span<float>().begin())) << p->name;
  const auto a = first.state_tensors(), b = second.state_tensors();
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_EQ(std::memcmp(a[i].second.raw(), b[i].second.raw(), static_cast<size_t>(a[i].second.bytes())), 0) << a[i].first;
}

TEST_P(SmallOptimizer, AStateOfAnotherRuleIsRefused) {
  Model model = plain_model();
  Optimizer mine(groups(model));
  const Optimizer adamw(adamw_groups(model.parameters, {}));
  const Status status = mine.load(adamw.metadata(), adamw.state_tensors());
  ASSERT_FALSE(status.ok());
}

INSTANTIATE_TEST_SUITE_P(Kinds, SmallOptimizer, ::testing::Values(GroupKind::kAdamW8, GroupKind::kLion),
                         [](const auto& info) { return std::string(group_kind_name(info.param)); });

// L-11.38: a noisy quadratic with curvatures from 0.01 to 1, whose gradients shrink as it is solved.
TEST(Adamw8, FollowsAdamwOnANoisyQuadratic) {
  ops::Context ctx;
  const auto solve = [&](bool coded) {
    Model model;
    Parameter& p = model.add("transformer.h.0.attn.c_q.weight", {64, 128});
    for (float& x : p.value.span<float>()) x = 1;
    AdamwRates rates;
    rates.lr = 1e-2, rates.beta2 = 0.999, rates.weight_decay = 0;
    Optimizer optimizer(coded ? adamw8_groups(model.parameters, rates) : adamw_groups(model.parameters, rates));
    Rng rng(1, "noise");
    double loss = 0;
    for (int step = 0; step < 600; ++step) {
      optimizer.set_lr_multiplier(1 - step / 600.0);
      loss = 0;
      for (int64_t i = 0; i < p.value.elements(); ++i) {
        const double curvature = std::pow(10.0, -2.0 * static_cast<double>(i % 128) / 127), x = double{p.value.data<float>()[i]};
        loss += 0.5 * curvature * x * x / static_cast<double>(p.value.elements());
        p.grad.data<float>()[i] = static_cast<float>(curvature * x + 0.02 * rng.normal());
      }
      p.has_grad = true;
      optimizer.step(ctx);
    }
    return loss;
  };
  const double exact = solve(false), coded = solve(true);
  EXPECT_LT(exact, 1e-3);
  EXPECT_NEAR(coded / exact, 1, 0.1);
}

}  // namespace
}  // namespace lathe::optim
