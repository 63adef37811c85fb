#include "ops/rms_norm.h"

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

constexpr float kEps32 = 1.1920929e-7f;

OpCase rms_norm_case(int64_t rows, int64_t columns, bool weighted, float eps, float scale, float offset = 0) {
  OpCase op;
  op.name = join_text("rms_norm ", rows, " x ", columns, weighted ? " weighted" : "", " offset ", offset);
  op.operands = {{Role::kRows, {rows, columns}}};
  if (weighted) op.operands.push_back({Role::kWeight, {columns}});
  op.forward = [=](Context& ctx, const std::vector<Tensor>& in) {
    return rms_norm(ctx, in[0], weighted ? in[1] : Tensor(), eps, scale, nullptr, offset);
  };
  op.backward = [=](Context& ctx, const std::vector<Tensor>& in, const Tensor& dy, const std::vector<Tensor>& grads) {
    const Tensor weight = weighted ? in[1] : Tensor();
    RmsNormSaved saved;
    rms_norm(ctx, in[0], weight, eps, scale, &saved, offset);
    rms_norm_backward(ctx, dy, in[0], weight, scale, saved, grads[0], weighted ? grads[1] : Tensor(), offset);
  };
  op.reference = [=](const std::vector<Values>& in) {
    const auto shifted = [=](double w) { return w + double{offset}; };
    return ref::rms_norm(in[0], weighted ? ref::map(in[1], shifted) : Values(), columns, double{eps}, double{scale});
  };
  return op;
}

LATHE_OP_SUITE(RmsNorm);

// C-3.5, C-3.42
TEST_P(RmsNorm, MatchesFloat64Reference) {
  for (const Shape s : {Shape{1, 1}, {3, 7}, {5, 32}, {2, 31}, {2, 33}, {4, 16}, {17, 1000}})
    for (const bool weighted : {false, true}) {
      expect_right_values(rms_norm_case(s[0], s[1], weighted, kEps32, 1), GetParam());
      expect_right_values(rms_norm_case(s[0], s[1], weighted, 1e-5f, 1.2f), GetParam());
      expect_right_values(rms_norm_case(s[0], s[1], weighted, 1e-5f, 1, 1), GetParam());
    }
}

// C-3.5: tiny rows, where the epsilon decides.
TEST_P(RmsNorm, AddsEpsilonToTheMeanSquare) {
  OpCase op = rms_norm_case(4, 48, false, kEps32, 1);
  op.operands[0].size = 1e-4;
  expect_right_values(op, GetParam());
  OpCase other = op;
  other.reference = [](const std::vector<Values>& in) { return ref::rms_norm(in[0], {}, 48, 1e-6, 1); };
  EXPECT_FALSE(check_forward(other, GetParam()));
}

TEST_P(RmsNorm, GradientMatchesFiniteDifferences) {
  for (const Shape s : {Shape{1, 1}, {4, 33}, {3, 64}}) {
    expect_right_gradients(rms_norm_case(s[0], s[1], true, 1e-3f, 1.2f), GetParam());
    expect_right_gradients(rms_norm_case(s[0], s[1], false, 1e-3f, 1), GetParam());
    expect_right_gradients(rms_norm_case(s[0], s[1], true, 1e-3f, 1, 1), GetParam());
  }
}
TEST_P(RmsNorm, BrokenGradientIsCaught) { expect_broken_gradients_are_caught(rms_norm_case(4, 33, true, kEps32, 1), GetParam()); }
TEST_P(RmsNorm, SameBitsForAnyThreadCount) { expect_same_bits_for_any_threads(rms_norm_case(257, 96, true, kEps32, 1), GetParam()); }
TEST_P(RmsNorm, RowDoesNotDependOnOtherRows) { expect_rows_are_independent(rms_norm_case(65, 103, true, kEps32, 1), GetParam()); }
TEST_P(RmsNorm, PoisonStaysInItsRow) { expect_poison_stays_in_its_row(rms_norm_case(65, 103, true, kEps32, 1), GetParam()); }
TEST_P(RmsNorm, SameBitsAtAnyAddress) { expect_same_bits_at_any_address(rms_norm_case(65, 103, true, kEps32, 1), GetParam()); }

TEST_P(RmsNorm, BackwardMayOverwriteItsUpstream) {
  Context ctx;
  const DType dtype = GetParam();
  const Tensor x = make_tensor(random_values(3 * 50, 1, dtype), {3, 50}, dtype), dy = make_tensor(random_values(150, 2, dtype), {3, 50}, dtype);
  RmsNormSaved saved;
  rms_norm(ctx, x, Tensor(), kEps32, 1, &saved);
  const Tensor dx = Tensor::empty({3, 50}, dtype);
  rms_norm_backward(ctx, dy, x, Tensor(), 1, saved, dx, Tensor());
  rms_norm_backward(ctx, dy, x, Tensor(), 1, saved, dy, Tensor());
  EXPECT_EQ(bytes_of({dx}), bytes_of({dy}));
}

TEST_P(RmsNorm, RefusesWrongOperands) {
  Context ctx;
  const DType dtype = GetParam(), other = dtype == DType::kFloat32 ? DType::kBFloat16 : DType::kFloat32;
  const Tensor x = Tensor::zeros({3, 8}, dtype);
  EXPECT_REFUSAL("[rms_norm]", rms_norm(ctx, x, Tensor::zeros({7}, dtype), kEps32, 1, nullptr));
  EXPECT_REFUSAL("[rms_norm]", rms_norm(ctx, x, Tensor::zeros({8}, other), kEps32, 1, nullptr));
  EXPECT_REFUSAL("[rms_norm]", rms_norm(ctx, Tensor::zeros({8}, dtype), Tensor(), kEps32, 1, nullptr));
  EXPECT_REFUSAL("[rms_norm]", rms_norm(ctx, Tensor::zeros({3, 8}, DType::kInt32), Tensor(), kEps32, 1, nullptr));
  EXPECT_REFUSAL("[rms_norm]", rms_norm(ctx, Tensor(), Tensor(), kEps32, 1, nullptr));
  EXPECT_REFUSAL("[rms_norm]", rms_norm_backward(ctx, Tensor::zeros({3, 7}, dtype), x, Tensor(), 1, {Tensor::zeros({3}, DType::kFloat32)}, x, Tensor()));
  EXPECT_REFUSAL("[rms_norm]", rms_norm_backward(ctx, x, x, Tensor(), 1, {}, x, Tensor()));
}

// An empty batch is no error and touches nothing.
TEST_P(RmsNorm, AcceptsNoRows) {
  Context ctx;
  EXPECT_EQ(rms_norm(ctx, Tensor::zeros({0, 8}, GetParam()), Tensor(), kEps32, 1, nullptr).shape(), (Shape{0, 8}));
}

}  // namespace
}  // namespace lathe::ops::test
