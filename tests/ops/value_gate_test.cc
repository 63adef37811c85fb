#include "ops/value_gate.h"

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

OpCase value_gate_case(int64_t rows, int64_t heads, int64_t width, float scale) {
  OpCase op;
  op.name = join_text("value_gate ", rows, " rows, ", heads, " heads of ", width, ", scale ", scale);
  op.operands = {{Role::kRows, {rows, heads * width}}, {Role::kRows, {rows, heads * width}}, {Role::kRows, {rows, heads}, 2}};
  op.forward = [=](Context& ctx, const std::vector<Tensor>& in) { return value_gate(ctx, in[0], in[1], in[2], scale); };
  op.backward = [=](Context& ctx, const std::vector<Tensor>& in, const Tensor& dy, const std::vector<Tensor>& grads) {
    grads[0].copy_from(dy);  // dv is dy
    value_gate_backward(ctx, dy, in[1], in[2], scale, grads[1], grads[2]);
  };
  op.reference = [=](const std::vector<Values>& in) { return ref::value_gate(in[0], in[1], in[2], width, double{scale}); };
  return op;
}

LATHE_OP_SUITE(ValueGate);

// C-3.16, C-3.44
TEST_P(ValueGate, MatchesFloat64Reference) {
  for (const auto& [rows, heads, width] : {std::array<int64_t, 3>{1, 1, 1}, {3, 2, 5}, {2, 3, 16}, {4, 1, 17}, {9, 4, 64}, {2, 5, 33}})
    for (const float scale : {2.0f, 3.0f}) expect_right_values(value_gate_case(rows, heads, width, scale), GetParam());
}
TEST_P(ValueGate, GradientMatchesFiniteDifferences) {
  expect_right_gradients(value_gate_case(5, 3, 7, 2), GetParam());
  expect_right_gradients(value_gate_case(2, 2, 33, 3), GetParam());
}
TEST_P(ValueGate, BrokenGradientIsCaught) { expect_broken_gradients_are_caught(value_gate_case(5, 3, 7, 2), GetParam()); }
TEST_P(ValueGate, SameBitsForAnyThreadCount) { expect_same_bits_for_any_threads(value_gate_case(257, 3, 33, 2), GetParam()); }
TEST_P(ValueGate, RowDoesNotDependOnOtherRows) { expect_rows_are_independent(value_gate_case(33, 3, 33, 2), GetParam()); }
TEST_P(ValueGate, PoisonStaysInItsRow) { expect_poison_stays_in_its_row(value_gate_case(33, 3, 33, 2), GetParam()); }
TEST_P(ValueGate, SameBitsAtAnyAddress) { expect_same_bits_at_any_address(value_gate_case(33, 3, 33, 2), GetParam()); }
TEST_P(ValueGate, RefusesWrongOperands) {
  Context ctx;
  const Tensor v = Tensor::zeros({3, 8}, GetParam()), gate = Tensor::zeros({3, 2}, GetParam());
  EXPECT_REFUSAL("[value_gate]", value_gate(ctx, v, v, Tensor::zeros({3, 3}, GetParam()), 2));
  EXPECT_REFUSAL("[value_gate]", value_gate(ctx, v, v, Tensor::zeros({2, 2}, GetParam()), 2));
  EXPECT_REFUSAL("[value_gate]", value_gate(ctx, Tensor::zeros({3, 4}, GetParam()), v, gate, 2));
  EXPECT_REFUSAL("[value_gate]", value_gate_backward(ctx, v, v, gate, 2, v, Tensor::zeros({3, 2}, DType::kFloat64)));
}

}  // namespace
}  // namespace lathe::ops::test
