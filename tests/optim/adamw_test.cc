#include "optim/adamw.h"

#include <gtest/gtest.h>

#include <cmath>

#include "optim/clip.h"
#include "tests/optim/optim_testing.h"
#include "tests/ref/testing.h"

namespace lathe::optim {
namespace {

using lathe::testing::is_close;

ParamGroup group_of(std::vector<Parameter*> parameters) {
  ParamGroup group;
  group.lr = 1e-2, group.beta1 = 0.8, group.beta2 = 0.95, group.eps = 1e-8, group.weight_decay = 0.1;
  group.parameters = std::move(parameters);
  return group;
}

std::vector<AdamwState> states_of(const ParamGroup& group) {
  std::vector<AdamwState> states;
  for (const Parameter* p : group.parameters) states.push_back(make_adamw_state(*p));
  return states;
}

// C-4.4
TEST(Adamw, FollowsTheFormulaInFloat64) {
  ops::Context ctx;
  for (const Shape shape : {Shape{1}, Shape{33}, Shape{17, 5}}) {
    const auto p = make_parameter("w", shape, 3);
    ParamGroup group = group_of({p.get()});
    std::vector<AdamwState> states = states_of(group);
    const size_t n = static_cast<size_t>(shape.elements());
    std::vector<double> w(p->value.span<float>().begin(), p->value.span<float>().end()), m(n), v(n);
    for (int t = 1; t <= 5; ++t) {
      group.lr = 1e-2 / t;
      make_gradient(*p, static_cast<uint64_t>(t));
      for (size_t i = 0; i < n; ++i) {
        const double g = 0.5 * double{p->grad.data<float>()[i]};
        w[i] *= 1 - group.lr * group.weight_decay;
        m[i] += (1 - group.beta1) * (g - m[i]);
        v[i] += (1 - group.beta2) * (g * g - v[i]);
        w[i] -= group.lr / (1 - std::pow(group.beta1, t)) * m[i] / (std::sqrt(v[i] / (1 - std::pow(group.beta2, t))) + group.eps);
      }
      adamw_step(ctx, group, states, 0.5f);
    }
    const std::vector<double> actual(p->value.span<float>().begin(), p->value.span<float>().end());
    EXPECT_TRUE(is_close(std::span<const double>(actual), std::span<const double>(w), {2e-7, 2e-6}));
    for (size_t i = 0; i < n; ++i) EXPECT_EQ(p->compute.data<bf16>()[i].bits, bf16(p->value.data<float>()[i]).bits);
  }
}

// C-4.4
TEST(Adamw, AParameterWithoutGradientIsSkippedAndKeepsItsOwnStepCount) {
  ops::Context ctx;
  const auto a = make_parameter("a", {8}, 1), b = make_parameter("b", {8}, 2), late = make_parameter("late", {8}, 1);
  const Tensor b_start = b->value.clone();
  ParamGroup group = group_of({a.get(), b.get()});
  std::vector<AdamwState> states = states_of(group);
  make_gradient(*a, 3);
  adamw_step(ctx, group, states, 1.0f);
  EXPECT_TRUE(is_close(b->value.span<float>(), b_start.span<float>(), {0, 0}));
  EXPECT_EQ(states[0].step, 1);
  EXPECT_EQ(states[1].step, 0);
  // Its first update, later, is corrected as a first one.
  make_gradient(*b, 4);
  adamw_step(ctx, group, states, 1.0f);
  late->value.copy_from(b_start);
  make_gradient(*late, 4);
  ParamGroup alone = group_of({late.get()});
  std::vector<AdamwState> fresh = states_of(alone);
  adamw_step(ctx, alone, fresh, 1.0f);
  EXPECT_TRUE(is_close(b->value.span<float>(), late->value.span<float>(), {0, 0}));
}

// C-4.5
TEST(Adamw, MomentsAreFloat32) {
  const auto p = make_parameter("w", {4, 4});
  EXPECT_EQ(make_adamw_state(*p).m.dtype(), DType::kFloat32);
  EXPECT_EQ(make_adamw_state(*p).v.dtype(), DType::kFloat32);
}

// C-4.5
TEST(TrapM8, SmallAdamwUpdatesReachTheFloat32Master) {
  ops::Context ctx;
  const auto p = make_parameter("w", {4});
  for (float& w : p->value.span<float>()) w = 1.0f;
  ParamGroup group = group_of({p.get()});
  group.lr = 1e-5, group.weight_decay = 0;
  std::vector<AdamwState> states = states_of(group);
  for (int step = 0; step < 1000; ++step) {
    for (float& g : p->grad.span<float>()) g = 1.0f;
    p->has_grad = true;
    adamw_step(ctx, group, states, 1.0f);
  }
  EXPECT_NEAR(p->value.data<float>()[0], 0.99f, 1e-4);  // each step is lr; bf16 would have stayed at 1
  EXPECT_NEAR(static_cast<float>(p->compute.data<bf16>()[0]), 0.99f, 0.004);
}

TEST(Adamw, RefusesStatesOfAnotherGroup) {
  ops::Context ctx;
  const auto p = make_parameter("w", {4});
  const ParamGroup group = group_of({p.get()});
  std::vector<AdamwState> none;
  EXPECT_THROW(adamw_step(ctx, group, none, 1.0f), std::invalid_argument);
}

// C-4.21
TEST(Clip, FactorIsTorchsAndOffAtZero) {
  EXPECT_EQ(clip_factor(0.5, 1.0), 1.0f);
  EXPECT_FLOAT_EQ(clip_factor(4.0, 1.0), static_cast<float>(1.0 / (4.0 + 1e-6)));
  EXPECT_EQ(clip_factor(1e9, 0), 1.0f);
  EXPECT_EQ(clip_factor(0, 1.0), 1.0f);
  EXPECT_TRUE(std::isnan(clip_factor(std::nan(""), 1.0)));
}

// C-4.21
TEST(Clip, NormIsOverAllGradientsThatExist) {
  ops::Context ctx;
  const auto a = make_parameter("a", {2}), b = make_parameter("b", {1, 1}), absent = make_parameter("absent", {1});
  a->grad.data<float>()[0] = 3, a->grad.data<float>()[1] = 12, b->grad.data<float>()[0] = 4, absent->grad.data<float>()[0] = 100;
  a->has_grad = b->has_grad = true;
  Parameter* const list[] = {a.get(), b.get(), absent.get()};
  EXPECT_DOUBLE_EQ(gradient_norm(ctx, list), 13.0);
}

}  // namespace
}  // namespace lathe::optim
