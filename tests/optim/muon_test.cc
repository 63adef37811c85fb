#include "optim/muon.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/parallel.h"
#include "optim/polar_express.h"
#include "tests/optim/optim_testing.h"
#include "tests/ref/muon.h"
#include "tests/ref/testing.h"

namespace lathe::optim {
namespace {

using lathe::testing::is_close;
using lathe::testing::is_close_in_norm;

ParamGroup group_of(std::vector<Parameter*> parameters) {
  ParamGroup group;
  group.kind = GroupKind::kMuon;
  group.lr = 0.02, group.weight_decay = 0.3;
  group.parameters = std::move(parameters);
  return group;
}

ref::Matrix matrix_of(const Tensor& x) {
  ref::Matrix m(static_cast<int>(x.dim(0)), static_cast<int>(x.dim(1)));
  std::copy(x.span<float>().begin(), x.span<float>().end(), m.values.begin());
  return m;
}

struct Form {
  MuonForm form;
  ref::MuonRule rule;
  const char* name;
};
constexpr Form kForms[] = {{MuonForm::kSeed, ref::MuonRule::kSeed, "seed"},
                           {MuonForm::kNewest, ref::MuonRule::kNewest, "newest"},
                           {MuonForm::kOld, ref::MuonRule::kOld, "old"}};
// Rows below, at and above the block of 32; one row, one column, the value gate's shapes (2, 32), tall, wide and square.
const Shape kShapes[] = {{1, 1}, {1, 7}, {7, 1}, {2, 32}, {40, 12}, {5, 33}, {33, 65}, {64, 32}, {48, 48}};

// Three steps with scheduled momentum; compares the change of the parameter, in the Frobenius norm, with float64.
void expect_follows_reference(const Form& form, DType precision, double allowed) {
  ops::Context ctx;
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(join_text(form.name, " ", shape));
    const auto p = make_parameter("w", shape, 7);
    const Tensor start = p->value.clone();
    ref::Muon truth(matrix_of(start));
    ParamGroup group = group_of({p.get()});
    const MuonState state = make_muon_state(group);
    for (int step = 0; step < 3; ++step) {
      group.momentum = 0.85 + 0.05 * step;
      make_gradient(*p, 100 + static_cast<uint64_t>(step), 1e-3f);
      truth.step(form.rule, matrix_of(p->grad), group.lr, group.momentum, group.weight_decay, group.beta2);
      muon_step(ctx, group, state, form.form, precision, 1.0f);
    }
    std::vector<float> change, expected;
    for (int64_t i = 0; i < start.elements(); ++i) {
      change.push_back(p->value.data<float>()[i] - start.data<float>()[i]);
      expected.push_back(static_cast<float>(truth.p.values[static_cast<size_t>(i)] - double{start.data<float>()[i]}));
    }
    EXPECT_TRUE(is_close_in_norm(change, expected, allowed));
  }
}

// Rounding errors are near 1e-5; where an update is almost zero its sign, and with it the decay, may flip.
constexpr double kFloat32 = 5e-4;

// C-4.7, C-4.10, C-4.13
TEST(Muon, SeedFormFollowsFloat64) { expect_follows_reference(kForms[0], DType::kFloat32, kFloat32); }
// C-4.28
TEST(Muon, NewestFormFollowsFloat64) { expect_follows_reference(kForms[1], DType::kFloat32, kFloat32); }
// C-4.23
TEST(Muon, OldFormFollowsFloat64) { expect_follows_reference(kForms[2], DType::kFloat32, kFloat32); }
// C-4.15, C-4.28
TEST(Muon, Bf16FormsStayNearFloat64) {
  for (const Form& form : kForms) expect_follows_reference(form, DType::kBFloat16, 0.08);
}

// C-4.8, C-4.9
TEST(Muon, StateIsAFloat32StackWithOneSecondMomentPerLongSide) {
  const auto tall = make_parameter("tall", {6, 4}), wide = make_parameter("wide", {4, 6}), square = make_parameter("square", {4, 4});
  const auto gate = make_parameter("ve_gate", {3, 32});
  EXPECT_EQ(make_muon_state(group_of({tall.get(), tall.get()})).momentum.shape(), (Shape{2, 6, 4}));
  EXPECT_EQ(make_muon_state(group_of({tall.get(), tall.get()})).second_moment.shape(), (Shape{2, 6, 1}));
  EXPECT_EQ(make_muon_state(group_of({wide.get()})).second_moment.shape(), (Shape{1, 1, 6}));
  EXPECT_EQ(make_muon_state(group_of({square.get()})).second_moment.shape(), (Shape{1, 4, 1}));
  EXPECT_EQ(make_muon_state(group_of({gate.get()})).second_moment.shape(), (Shape{1, 1, 32}));
  EXPECT_EQ(make_muon_state(group_of({gate.get()})).momentum.dtype(), DType::kFloat32);
}

// C-4.16, C-4.13
TEST(Muon, MatricesOfAStackDoNotMix) {
  ops::Context ctx;
  const auto run = [&](const std::vector<uint64_t>& seeds) {
    std::vector<std::unique_ptr<Parameter>> owned;
    std::vector<Parameter*> parameters;
    for (const uint64_t seed : seeds) {
      owned.push_back(make_parameter("w", {12, 20}, seed));
      make_gradient(*owned.back(), seed, static_cast<float>(seed));
      parameters.push_back(owned.back().get());
    }
    const ParamGroup group = group_of(parameters);
    muon_step(ctx, group, make_muon_state(group), MuonForm::kSeed, DType::kBFloat16, 1.0f);
    return owned.back()->value.clone();
  };
  const Tensor alone = run({5}), together = run({1000, 5});
  EXPECT_TRUE(is_close(together.span<float>(), alone.span<float>(), {0, 0}));
}

// C-4.14
TEST(Muon, DecayActsWhereUpdateAndWeightAgreeOrTheUpdateIsZero) {
  ops::Context ctx;
  const auto p = make_parameter("w", {4, 4}, 3);
  const Tensor start = p->value.clone();
  p->has_grad = true;  // a gradient of zeros
  for (const MuonForm form : {MuonForm::kSeed, MuonForm::kNewest}) {
    p->value.copy_from(start);
    ParamGroup group = group_of({p.get()});
    muon_step(ctx, group, make_muon_state(group), form, DType::kFloat32, 1.0f);
    for (int64_t i = 0; i < 16; ++i) EXPECT_NEAR(p->value.data<float>()[i], start.data<float>()[i] * (1 - 0.02 * 0.3), 1e-7);
  }
  // With a gradient, weights that the update pushes towards zero are decayed, the others are not.
  int decayed = 0, kept = 0;
  make_gradient(*p, 4);
  std::vector<float> after[2];
  for (const double decay : {0.0, 0.3}) {
    p->value.copy_from(start);
    ParamGroup group = group_of({p.get()});
    group.weight_decay = decay;
    muon_step(ctx, group, make_muon_state(group), MuonForm::kSeed, DType::kFloat32, 1.0f);
    after[decay > 0].assign(p->value.span<float>().begin(), p->value.span<float>().end());
  }
  for (size_t i = 0; i < 16; ++i) {
    const float w = start.data<float>()[i], update = w - after[0][i];
    if (update * w >= 0) {
      EXPECT_NEAR(after[1][i], after[0][i] - 0.02f * 0.3f * w, 1e-7);
      ++decayed;
    } else {
      EXPECT_EQ(after[1][i], after[0][i]);
      ++kept;
    }
  }
  EXPECT_GT(decayed, 0);
  EXPECT_GT(kept, 0);
}

// C-4.4
TEST(Muon, AMatrixWithoutGradientKeepsValueAndState) {
  ops::Context ctx;
  const auto a = make_parameter("a", {6, 4}, 1), b = make_parameter("b", {6, 4}, 2);
  const Tensor a_start = a->value.clone(), b_start = b->value.clone();
  make_gradient(*b, 9);
  const ParamGroup group = group_of({a.get(), b.get()});
  const MuonState state = make_muon_state(group);
  muon_step(ctx, group, state, MuonForm::kSeed, DType::kBFloat16, 1.0f);
  EXPECT_TRUE(is_close(a->value.span<float>(), a_start.span<float>(), {0, 0}));
  EXPECT_FALSE(is_close(b->value.span<float>(), b_start.span<float>(), {0, 0}));
  for (const float m : state.momentum.rows(0, 1).span<float>()) EXPECT_EQ(m, 0);
}

TEST(Muon, GradScaleActsAsScaledGradients) {
  ops::Context ctx;
  Tensor values[2];
  for (const int scaled : {0, 1}) {
    const auto p = make_parameter("w", {8, 8}, 1);
    make_gradient(*p, 5, 1e-7f);  // so small that the 1e-6 beside the norm shows the scale
    if (!scaled)
      for (float& g : p->grad.span<float>()) g *= 0.25f;
    const ParamGroup group = group_of({p.get()});
    muon_step(ctx, group, make_muon_state(group), MuonForm::kSeed, DType::kFloat32, scaled ? 0.25f : 1.0f);
    values[scaled] = p->value;
  }
  EXPECT_TRUE(is_close(values[1].span<float>(), values[0].span<float>(), {0, 0}));
}

TEST(Muon, SameBitsForAnyThreadCount) {
  const int threads = num_threads();
  for (const MuonForm form : {MuonForm::kSeed, MuonForm::kNewest})
    for (const DType precision : {DType::kFloat32, DType::kBFloat16})
      for (const Shape shape : {Shape{96, 200}, Shape{200, 96}, Shape{130, 130}}) {
        std::vector<Tensor> values;
        for (const int n : {1, 2, 3}) {
          set_num_threads(n);
          ops::Context ctx;
          const auto p = make_parameter("w", shape, 1);
          const ParamGroup group = group_of({p.get()});
          const MuonState state = make_muon_state(group);
          for (uint64_t step = 0; step < 2; ++step) {
            make_gradient(*p, step + 5);
            muon_step(ctx, group, state, form, precision, 1.0f);
          }
          values.push_back(p->value);
        }
        set_num_threads(threads);
        for (const Tensor& value : values) EXPECT_TRUE(is_close(value.span<float>(), values[0].span<float>(), {0, 0}));
      }
}

// M8
TEST(TrapM8, SmallMuonUpdatesReachTheFloat32Master) {
  ops::Context ctx;
  const auto p = make_parameter("w", {8, 8}, 1);
  for (float& w : p->value.span<float>()) w = 1.0f;
  make_gradient(*p, 5);
  ParamGroup group = group_of({p.get()});
  group.lr = 1e-4, group.weight_decay = 0;  // one update is far below bf16's spacing of 2^-7 at 1
  const MuonState state = make_muon_state(group);
  const float sign = p->grad.data<float>()[0] > 0 ? 1.0f : -1.0f;
  float before = 1.0f;
  for (int step = 0; step < 400; ++step) {
    p->has_grad = true;
    muon_step(ctx, group, state, MuonForm::kSeed, DType::kBFloat16, 1.0f);
    const float now = p->value.data<float>()[0];
    EXPECT_GT(sign * (before - now), 0) << step;
    before = now;
  }
  EXPECT_NE(static_cast<float>(p->compute.data<bf16>()[0]), 1.0f);
  EXPECT_EQ(p->compute.data<bf16>()[0].bits, bf16(before).bits);
}

TEST(Muon, WorkMemoryIsMeasuredOnMetaAndNotTakenTwice) {
  const auto steps = [](ops::Context& ctx, Device device) {
    const auto p = make_parameter("w", {96, 64}, 1);
    if (device == Device::kMeta) p->value = p->grad = p->compute = Tensor::empty({96, 64}, DType::kFloat32, device);
    const ParamGroup group = group_of({p.get()});
    const MuonState state = make_muon_state(group);
    for (int step = 0; step < 3; ++step) {
      p->has_grad = true;
      muon_step(ctx, group, state, MuonForm::kNewest, DType::kBFloat16, 1.0f);
    }
  };
  ops::Context meta(Device::kMeta), cpu;
  steps(meta, Device::kMeta);
  EXPECT_GT(meta.arena().peak_bytes(), 0);
  cpu.arena().reserve(meta.arena().peak_bytes());
  steps(cpu, Device::kCpu);
  EXPECT_EQ(cpu.arena().growths(), 0);
  EXPECT_EQ(cpu.arena().bytes_in_use(), 0);
}

TEST(Muon, RefusesNonsense) {
  ops::Context ctx;
  const auto matrix = make_parameter("m", {4, 6}), other = make_parameter("o", {6, 4}), vector = make_parameter("v", {4});
  EXPECT_THROW(make_muon_state(group_of({})), std::invalid_argument);
  EXPECT_THROW(make_muon_state(group_of({vector.get()})), std::invalid_argument);
  EXPECT_THROW(make_muon_state(group_of({matrix.get(), other.get()})), std::invalid_argument);
  const ParamGroup group = group_of({matrix.get()});
  EXPECT_THROW(muon_step(ctx, group, make_muon_state(group), MuonForm::kSeed, DType::kFloat64, 1), std::invalid_argument);
  EXPECT_THROW(muon_step(ctx, group_of({matrix.get(), matrix.get()}), make_muon_state(group), MuonForm::kSeed, DType::kFloat32, 1),
               std::invalid_argument);
  EXPECT_THROW(polar_express(ctx, matrix->value, kMaxPolarSteps + 1), std::invalid_argument);
  EXPECT_THROW(polar_express(ctx, vector->value, 5), std::invalid_argument);
}

// C-4.11
TEST(PolarExpress, SingularValuesComeNearOne) {
  ops::Context ctx;
  for (const Shape shape : {Shape{16, 40}, Shape{40, 16}}) {
    const Tensor x = Tensor::empty(shape, DType::kFloat32);
    fill_normal(x, 3, 1e-3f);
    polar_express(ctx, x, 5);
    const ref::Matrix m = matrix_of(x), gram = shape[0] < shape[1] ? ref::product(m, ref::transpose(m)) : ref::product(ref::transpose(m), m);
    for (int i = 0; i < 16; ++i)
      for (int j = 0; j < 16; ++j) EXPECT_NEAR(gram(i, j), i == j ? 1.0 : 0.0, 0.25) << i << " " << j;
  }
}

}  // namespace
}  // namespace lathe::optim
