#include "ops/low_rank.h"

#include <cmath>

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

// y + scale (x A^T) B^T with y the first operand; longer than a block of rows in one case.
OpCase low_rank_case(int64_t rows, int64_t in_width, int64_t r, int64_t out_width) {
  constexpr float kScale = 1.5f;
  OpCase op;
  op.name = join_text("low_rank ", rows, " x ", in_width, " by ", r, " to ", out_width);
  op.operands = {{Role::kRows, {rows, in_width}}, {Role::kWeight, {r, in_width}}, {Role::kWeight, {out_width, r}}};
  op.forward = [=](Context& ctx, const std::vector<Tensor>& in) {
    Tensor y = ctx.zeros({rows, out_width}, in[0].dtype());
    low_rank(ctx, in[0], in[1], in[2], kScale, y);
    return y;
  };
  op.backward = [=](Context& ctx, const std::vector<Tensor>& in, const Tensor& dy, const std::vector<Tensor>& grads) {
    const Tensor h = low_rank(ctx, in[0], in[1], in[2], kScale, Tensor());
    if (grads[0]) grads[0].fill_zero();
    low_rank_backward(ctx, dy, in[0], h, in[1], in[2], kScale, grads[0], grads[1], grads[2]);
  };
  op.reference = [=](const std::vector<Values>& in) {
    const Values h = ref::map(ref::linear(in[0], in[1], Values(), rows, in_width, r), [](double v) { return double{kScale} * v; });
    return ref::linear(h, in[2], Values(), rows, r, out_width);
  };
  return op;
}

LATHE_OP_SUITE(LowRank);

TEST_P(LowRank, MatchesFloat64Reference) {
  for (const auto& [rows, in, r, out] : {std::array<int64_t, 4>{1, 3, 2, 5}, {17, 64, 32, 48}, {300, 24, 4, 33}})
    expect_right_values(low_rank_case(rows, in, r, out), GetParam());
}

TEST_P(LowRank, GradientsMatchFloat64Reference) {
  for (const auto& [rows, in, r, out] : {std::array<int64_t, 4>{3, 5, 2, 7}, {270, 6, 3, 4}}) expect_right_gradients(low_rank_case(rows, in, r, out), GetParam());
}

TEST(Columns, AreGatheredScaledAndSummed) {
  Context ctx;
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    const Tensor x = make_tensor({1, 2, 3, 4, 5, 6}, {2, 3}, dtype), factors = make_tensor({2, -1, 0.5}, {3}, DType::kFloat32);
    const std::array<int32_t, 2> columns = {2, 0};
    EXPECT_EQ(read_values(gather_columns(ctx, x, Tensor::of<int32_t>(columns, {2}))), (Values{3, 1, 6, 4}));
    const Tensor y = ctx.empty_like(x), sums = ctx.zeros({3}, DType::kFloat32), norms = ctx.zeros({2}, DType::kFloat32);
    scale_columns(ctx, x, factors, y);
    EXPECT_EQ(read_values(y), (Values{2, -2, 1.5, 8, -5, 3}));
    scale_columns_backward(ctx, x, y, sums);
    scale_columns_backward(ctx, x, y, sums);  // added to
    EXPECT_EQ(read_values(sums), (Values{68, -58, 45}));
    adapted_row_norms(ctx, x, make_tensor({1, 0, 0, 0, 0, 0}, {2, 3}, DType::kFloat32), -1, norms);
    EXPECT_TRUE(testing::is_close(read_values(norms), Values{std::sqrt(13.0), std::sqrt(77.0)}, {0, 1e-6}));
    const std::array<int32_t, 1> outside = {3};
    EXPECT_REFUSAL("[gather_columns]", gather_columns(ctx, x, Tensor::of<int32_t>(outside, {1})));
  }
}

TEST(Dequantize, GivesTheNumbersOfTheCodes) {
  Context ctx;
  const Tensor w = make_tensor(random_values(21 * 64, 1, DType::kFloat32), {21, 64}, DType::kFloat32);
  for (const WeightBits bits : {WeightBits::kEight, WeightBits::kFour}) {
    const QuantizedMatrix codes = quantize(w, bits);
    const Tensor slow = dequantize(codes);
    EXPECT_EQ(read_values(dequantize(ctx, codes, DType::kFloat32)), read_values(slow));
    EXPECT_EQ(read_values(dequantize(ctx, codes, DType::kBFloat16)), read_values(slow.to(DType::kBFloat16)));
  }
}

}  // namespace
}  // namespace lathe::ops::test
