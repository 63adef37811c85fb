#include "ops/activation.h"

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

struct Kind {
  Activation kind;
  double (*truth)(double);
  const char* name;
};
constexpr Kind kKinds[] = {{Activation::kReluSquared, ref::relu_squared, "relu squared"},
                           {Activation::kGelu, ref::gelu, "gelu"},
                           {Activation::kGeluTanh, ref::gelu_tanh, "gelu tanh"},
                           {Activation::kSilu, ref::silu, "silu"}};

OpCase activation_case(const Kind& kind, Shape shape, double size = 2) {
  OpCase op;
  op.name = join_text(kind.name, " ", shape);
  op.operands = {{Role::kRows, shape, size}};
  op.forward = [kind](Context& ctx, const std::vector<Tensor>& in) { return activation(ctx, in[0], kind.kind); };
  op.backward = [kind](Context& ctx, const std::vector<Tensor>& in, const Tensor& dy, const std::vector<Tensor>& grads) {
    activation_backward(ctx, dy, in[0], kind.kind, grads[0]);
  };
  op.reference = [kind](const std::vector<Values>& in) { return ref::map(in[0], kind.truth); };
  return op;
}

OpCase gated_case(int64_t rows, int64_t columns, bool gelu) {
  const Activation kind = gelu ? Activation::kGeluTanh : Activation::kSilu;
  OpCase op;
  op.name = join_text(gelu ? "geglu " : "swiglu ", rows, " x ", columns);
  op.operands = {{Role::kRows, {rows, columns}, 2}, {Role::kRows, {rows, columns}}};
  op.forward = [kind](Context& ctx, const std::vector<Tensor>& in) { return gated(ctx, in[0], in[1], kind); };
  op.backward = [kind](Context& ctx, const std::vector<Tensor>& in, const Tensor& dy, const std::vector<Tensor>& grads) {
    gated_backward(ctx, dy, in[0], in[1], kind, grads[0], grads[1]);
  };
  op.reference = [gelu](const std::vector<Values>& in) {
    if (!gelu) return ref::swiglu(in[0], in[1]);
    Values y = ref::map(in[0], ref::gelu_tanh);
    for (size_t i = 0; i < y.size(); ++i) y[i] *= in[1][i];
    return y;
  };
  return op;
}

const Shape kShapes[] = {{1, 1}, {3, 5}, {1, 15}, {1, 16}, {1, 17}, {7, 129}};

LATHE_OP_SUITE(ActivationOp);

// C-3.9
TEST_P(ActivationOp, MatchesFloat64Reference) {
  for (const Kind& kind : kKinds)
    for (const Shape& shape : kShapes) expect_right_values(activation_case(kind, shape), GetParam());
}
TEST_P(ActivationOp, GradientMatchesFiniteDifferences) {
  for (const Kind& kind : kKinds) {
    expect_right_gradients(activation_case(kind, {4, 33}), GetParam());
    expect_right_gradients(activation_case(kind, {4, 33}, 0.05), GetParam());
  }
}
TEST_P(ActivationOp, BrokenGradientIsCaught) {
  for (const Kind& kind : kKinds) expect_broken_gradients_are_caught(activation_case(kind, {4, 33}), GetParam());
}
TEST_P(ActivationOp, SameBitsForAnyThreadCount) {
  for (const Kind& kind : kKinds) expect_same_bits_for_any_threads(activation_case(kind, {257, 97}), GetParam());
}
TEST_P(ActivationOp, RowDoesNotDependOnOtherRows) {
  for (const Kind& kind : kKinds) expect_rows_are_independent(activation_case(kind, {7, 103}), GetParam());
}
TEST_P(ActivationOp, PoisonStaysInItsRow) {
  for (const Kind& kind : kKinds) expect_poison_stays_in_its_row(activation_case(kind, {7, 103}), GetParam());
}
TEST_P(ActivationOp, SameBitsAtAnyAddress) {
  for (const Kind& kind : kKinds) expect_same_bits_at_any_address(activation_case(kind, {7, 103}), GetParam());
}
TEST_P(ActivationOp, RefusesWrongOperands) {
  Context ctx;
  const Tensor x = Tensor::zeros({3, 8}, GetParam());
  EXPECT_REFUSAL("[activation]", activation(ctx, Tensor::zeros({3}, DType::kInt32), Activation::kSilu));
  EXPECT_REFUSAL("[activation]", activation(ctx, Tensor(), Activation::kSilu));
  EXPECT_REFUSAL("[activation]", activation_backward(ctx, Tensor::zeros({8, 3}, GetParam()), x, Activation::kSilu, x));
  EXPECT_REFUSAL("[activation]", activation_backward(ctx, x, x, Activation::kSilu, Tensor::zeros({3, 8}, DType::kFloat64)));
}

// Each element to a few units in the last place over the whole range, tails included.
TEST(ActivationRange, IsPreciseFromTailToTail) {
  Values grid;
  for (double x = -14; x <= 14; x += 1.0 / 256) grid.push_back(x);
  const auto n = static_cast<int64_t>(grid.size());
  Context ctx;
  for (const Kind& kind : kKinds) {
    const Values y = read_values(activation(ctx, make_tensor(grid, {n}, DType::kFloat32), kind.kind));
    // The negative tails of both GELUs are products with a number that vanishes; the tanh form cancels there.
    const double relative = kind.kind == Activation::kGelu ? 3e-5 : 8e-7, absolute = kind.kind == Activation::kGeluTanh ? 1e-6 : 1e-12;
    EXPECT_TRUE(testing::is_close(y, ref::map(grid, kind.truth), {absolute, relative})) << kind.name;
  }
}

TEST(ActivationRange, KeepsNotANumberAndSaturates) {
  Context ctx;
  const double nan = std::nan(""), inf = HUGE_VAL;
  for (const Kind& kind : kKinds) {
    const Values y = read_values(activation(ctx, make_tensor({nan, inf, 1e30, -200, -1e30}, {5}, DType::kFloat32), kind.kind));
    EXPECT_TRUE(std::isnan(y[0])) << kind.name;
    EXPECT_EQ(y[1], inf) << kind.name;
    EXPECT_GT(y[2], 9e29) << kind.name;
    EXPECT_EQ(y[3], 0) << kind.name;
    EXPECT_EQ(y[4], 0) << kind.name;
    const Tensor x = make_tensor({nan, -200}, {2}, DType::kFloat32), dx = Tensor::empty({2}, DType::kFloat32);
    activation_backward(ctx, make_tensor({1, 1}, {2}, DType::kFloat32), x, kind.kind, dx);
    EXPECT_TRUE(std::isnan(dx.data<float>()[0])) << kind.name;
    EXPECT_EQ(dx.data<float>()[1], 0) << kind.name;
  }
}

LATHE_OP_SUITE(Gated);
TEST_P(Gated, MatchesFloat64Reference) {
  for (const bool gelu : {false, true})
    for (const Shape& s : kShapes) expect_right_values(gated_case(s[0], s[1], gelu), GetParam());
}
TEST_P(Gated, GradientMatchesFiniteDifferences) {
  for (const bool gelu : {false, true}) expect_right_gradients(gated_case(4, 33, gelu), GetParam());
}
TEST_P(Gated, BrokenGradientIsCaught) {
  for (const bool gelu : {false, true}) expect_broken_gradients_are_caught(gated_case(4, 33, gelu), GetParam());
}
TEST_P(Gated, SameBitsForAnyThreadCount) {
  for (const bool gelu : {false, true}) expect_same_bits_for_any_threads(gated_case(257, 97, gelu), GetParam());
}
TEST_P(Gated, RowDoesNotDependOnOtherRows) { expect_rows_are_independent(gated_case(7, 103, true), GetParam()); }
TEST_P(Gated, PoisonStaysInItsRow) { expect_poison_stays_in_its_row(gated_case(7, 103, false), GetParam()); }
TEST_P(Gated, SameBitsAtAnyAddress) {
  for (const bool gelu : {false, true}) expect_same_bits_at_any_address(gated_case(7, 103, gelu), GetParam());
}
TEST_P(Gated, RefusesWrongOperands) {
  Context ctx;
  const Activation silu = Activation::kSilu;
  const Tensor x = Tensor::zeros({3, 8}, GetParam());
  EXPECT_REFUSAL("[gated]", gated(ctx, x, Tensor::zeros({3, 9}, GetParam()), silu));
  EXPECT_REFUSAL("[gated]", gated(ctx, x, Tensor::zeros({3, 8}, DType::kInt32), silu));
  EXPECT_REFUSAL("[gated]", gated(ctx, x, x, Activation::kReluSquared));
  EXPECT_REFUSAL("[gated]", gated_backward(ctx, x, x, x, silu, x, Tensor::zeros({3, 9}, GetParam())));
}

}  // namespace
}  // namespace lathe::ops::test
