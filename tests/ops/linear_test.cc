#include "ops/linear.h"

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

OpCase linear_case(int64_t rows, int64_t in_width, int64_t out_width, bool biased) {
  OpCase op;
  op.name = join_text("linear ", rows, " x ", in_width, " to ", out_width, biased ? " biased" : "");
  op.operands = {{Role::kRows, {rows, in_width}}, {Role::kWeight, {out_width, in_width}}};
  if (biased) op.operands.push_back({Role::kWeight, {out_width}});
  op.forward = [=](Context& ctx, const std::vector<Tensor>& in) { return linear(ctx, in[0], in[1], biased ? in[2] : Tensor()); };
  op.backward = [=](Context& ctx, const std::vector<Tensor>& in, const Tensor& dy, const std::vector<Tensor>& grads) {
    linear_backward(ctx, dy, in[0], in[1], grads[0], grads[1], biased ? grads[2] : Tensor());
  };
  op.reference = [=](const std::vector<Values>& in) {
    return ref::linear(in[0], in[1], biased ? in[2] : Values(), rows, in_width, out_width);
  };
  return op;
}

const std::array<int64_t, 3> kSizes[] = {{1, 1, 1}, {3, 5, 7}, {16, 64, 48}, {15, 63, 49}, {17, 65, 47}, {2, 300, 33}};

LATHE_OP_SUITE(Linear);

TEST_P(Linear, MatchesFloat64Reference) {
  for (const auto& [rows, in_width, out_width] : kSizes) expect_right_values(linear_case(rows, in_width, out_width, false), GetParam());
}

// With bf16 results the product is rounded before the bias is added: one more rounding of the product's size.
TEST_P(Linear, AddsTheBias) {
  for (const auto& [rows, in_width, out_width] : kSizes) {
    const OpCase op = linear_case(rows, in_width, out_width, true);
    if (GetParam() == DType::kFloat32) {
      expect_right_values(op, GetParam());
      continue;
    }
    Context ctx;
    const Values x = random_values(rows * in_width, 1, DType::kBFloat16), w = random_values(out_width * in_width, 2, DType::kBFloat16);
    const Values bias = random_values(out_width, 3, DType::kBFloat16);
    const Values product = ref::linear(x, w, {}, rows, in_width, out_width), expected = ref::linear(x, w, bias, rows, in_width, out_width);
    const Tensor y = linear(ctx, make_tensor(x, {rows, in_width}, DType::kBFloat16), make_tensor(w, {out_width, in_width}, DType::kBFloat16),
                            make_tensor(bias, {out_width}, DType::kBFloat16));
    testing::Tolerance allowed = tolerance(expected, DType::kBFloat16);
    allowed.absolute += tolerance(product, DType::kBFloat16).relative * std::abs(*std::max_element(product.begin(), product.end(), [](double a, double b) { return std::abs(a) < std::abs(b); }));
    EXPECT_TRUE(testing::is_close(read_values(y), expected, allowed)) << op.name;
  }
}

TEST_P(Linear, GradientMatchesFiniteDifferences) {
  expect_right_gradients(linear_case(1, 1, 1, true), GetParam());
  expect_right_gradients(linear_case(6, 9, 5, false), GetParam());
  expect_right_gradients(linear_case(35, 8, 17, true), GetParam());
}
TEST_P(Linear, BrokenGradientIsCaught) { expect_broken_gradients_are_caught(linear_case(6, 9, 5, true), GetParam()); }
TEST_P(Linear, SameBitsForAnyThreadCount) { expect_same_bits_for_any_threads(linear_case(257, 96, 65, true), GetParam()); }
TEST_P(Linear, RowDoesNotDependOnOtherRows) { expect_rows_are_independent(linear_case(65, 103, 64, true), GetParam()); }
TEST_P(Linear, PoisonStaysInItsRow) { expect_poison_stays_in_its_row(linear_case(65, 103, 64, true), GetParam()); }
TEST_P(Linear, SameBitsAtAnyAddress) { expect_same_bits_at_any_address(linear_case(65, 103, 64, true), GetParam()); }
TEST_P(Linear, SkipsGradientsNobodyWants) {
  Context ctx;
  const DType dtype = GetParam();
  const Tensor x = make_tensor(random_values(12, 1, dtype), {3, 4}, dtype), w = make_tensor(random_values(20, 2, dtype), {5, 4}, dtype);
  const Tensor dy = make_tensor(random_values(15, 3, dtype), {3, 5}, dtype), dw = Tensor::zeros({5, 4}, DType::kFloat32);
  linear_backward(ctx, dy, x, w, Tensor(), dw, Tensor());
  EXPECT_TRUE(testing::is_close(read_values(dw), ref::matmul(read_values(dy), true, read_values(x), false, 5, 3, 4), {1e-5, 1e-6}));
}
TEST_P(Linear, RefusesWrongOperands) {
  Context ctx;
  const Tensor x = Tensor::zeros({3, 4}, GetParam()), w = Tensor::zeros({5, 4}, GetParam());
  EXPECT_REFUSAL("[linear]", linear(ctx, x, Tensor::zeros({4, 5}, GetParam()), Tensor()));
  EXPECT_REFUSAL("[linear]", linear(ctx, x, w, Tensor::zeros({4}, GetParam())));
  EXPECT_REFUSAL("[linear]", linear_backward(ctx, x, x, w, Tensor(), Tensor(), Tensor()));
  EXPECT_REFUSAL("[linear]", linear_backward(ctx, Tensor::zeros({3, 5}, GetParam()), x, w, Tensor(), Tensor::zeros({5, 4}, DType::kBFloat16), Tensor()));
}

}  // namespace
}  // namespace lathe::ops::test
