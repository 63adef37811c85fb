#include "ops/low_rank.h"

#include <array>
#include <cmath>

#include "core/parallel.h"
#include "core/rng.h"
#include "ops/linear.h"
#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

// In float32: bf16 also rounds what lies between the products, which the reference does not.
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

TEST(LowRank, MatchesFloat64Reference) {
  for (const auto& [rows, in, r, out] : {std::array<int64_t, 4>{1, 3, 2, 5}, {17, 64, 32, 48}, {300, 24, 4, 33}})
    expect_right_values(low_rank_case(rows, in, r, out), DType::kFloat32);
}

TEST(LowRank, GradientsMatchFloat64Reference) {
  for (const auto& [rows, in, r, out] : {std::array<int64_t, 4>{3, 5, 2, 7}, {270, 6, 3, 4}}) expect_right_gradients(low_rank_case(rows, in, r, out), DType::kFloat32);
}

// Decision 17. The last block has few rows, which a kernel of their own multiplies.
TEST(LowRank, ProductOfTheLayerBesideHasTheBitsOfOneApart) {
  constexpr int64_t kRows = 5 * 256 + 3, kIn = 48, kOut = 80, kRank = 4;
  Context ctx;
  const auto random = [](Shape shape, DType dtype, const char* name) {
    Tensor x = Tensor::empty(shape, DType::kFloat32);
    Rng rng(7, name);
    for (float& v : x.span<float>()) v = static_cast<float>(rng.normal());
    return x.to(dtype);
  };
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    const Tensor x = random({kRows, kIn}, dtype, "x"), dropped = random({kRows, kIn}, dtype, "dropped"),
                 w = random({kOut, kIn}, dtype, "w"), a = random({kRank, kIn}, dtype, "a"),
                 b = random({kOut, kRank}, dtype, "b"), dy = random({kRows, kOut}, dtype, "dy"), none;
    for (const int threads : {1, 2}) {
      set_num_threads(threads);
      const Tensor apart = linear(ctx, x, w, none), beside = ctx.empty({kRows, kOut}, dtype);
      const Tensor h = low_rank(ctx, dropped, a, b, 1.5f, apart);
      EXPECT_EQ(read_values(low_rank(ctx, dropped, a, b, 1.5f, beside, x, w)), read_values(h));
      EXPECT_EQ(read_values(beside), read_values(apart));
      const Tensor dx_apart = ctx.empty_like(x), dx_beside = ctx.empty_like(x);
      linear_backward(ctx, dy, x, w, dx_apart, none, none);
      low_rank_backward(ctx, dy, x, h, a, b, 1.5f, dx_apart, none, none);
      low_rank_backward(ctx, dy, x, h, a, b, 1.5f, dx_beside, none, none, w);
      EXPECT_EQ(read_values(dx_beside), read_values(dx_apart));
    }
  }
  const auto zeros = [](int64_t rows, int64_t columns) { return Tensor::zeros({rows, columns}, DType::kFloat32); };
  EXPECT_REFUSAL("[low_rank]",
                 low_rank(ctx, zeros(2, 3), zeros(1, 3), zeros(4, 1), 1, Tensor(), zeros(2, 3), zeros(4, 3)));
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
