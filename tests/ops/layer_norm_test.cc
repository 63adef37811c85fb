#include "ops/layer_norm.h"

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

OpCase layer_norm_case(int64_t rows, int64_t columns, bool biased) {
  OpCase op;
  op.name = join_text("layer_norm ", rows, " x ", columns, biased ? " biased" : "");
  op.operands = {{Role::kRows, {rows, columns}}, {Role::kWeight, {columns}}};
  if (biased) op.operands.push_back({Role::kWeight, {columns}});
  op.forward = [=](Context& ctx, const std::vector<Tensor>& in) {
    return layer_norm(ctx, in[0], in[1], biased ? in[2] : Tensor(), 1e-5f, nullptr);
  };
  op.backward = [=](Context& ctx, const std::vector<Tensor>& in, const Tensor& dy, const std::vector<Tensor>& grads) {
    LayerNormSaved saved;
    layer_norm(ctx, in[0], in[1], biased ? in[2] : Tensor(), 1e-5f, &saved);
    layer_norm_backward(ctx, dy, in[0], in[1], saved, grads[0], grads[1], biased ? grads[2] : Tensor());
  };
  op.reference = [=](const std::vector<Values>& in) { return ref::layer_norm(in[0], in[1], biased ? in[2] : Values(), columns, double{1e-5f}); };
  return op;
}

LATHE_OP_SUITE(LayerNorm);

TEST_P(LayerNorm, MatchesFloat64Reference) {
  for (const Shape s : {Shape{1, 2}, {3, 7}, {5, 32}, {2, 31}, {2, 33}, {17, 1000}})
    for (const bool biased : {false, true}) expect_right_values(layer_norm_case(s[0], s[1], biased), GetParam());
}

// Values far from zero: a variance taken as the difference of two large means would be wrong in the third digit.
TEST(LayerNormFloat32, TakesTheVarianceAroundTheMean) {
  Context ctx;
  const Values x = ref::map(random_values(4 * 96, 1, DType::kFloat32), [](double v) { return 1024 + std::round(8 * v); });
  const Values ones(96, 1.0);
  const Tensor y = layer_norm(ctx, make_tensor(x, {4, 96}, DType::kFloat32), make_tensor(ones, {96}, DType::kFloat32), Tensor(), 1e-5f, nullptr);
  EXPECT_TRUE(testing::is_close(read_values(y), ref::layer_norm(x, ones, {}, 96, double{1e-5f}), {2e-5, 0}));
}

TEST_P(LayerNorm, GradientMatchesFiniteDifferences) {
  for (const Shape s : {Shape{2, 3}, {4, 33}, {3, 64}})
    for (const bool biased : {false, true}) expect_right_gradients(layer_norm_case(s[0], s[1], biased), GetParam());
}
TEST_P(LayerNorm, BrokenGradientIsCaught) { expect_broken_gradients_are_caught(layer_norm_case(4, 33, true), GetParam()); }
TEST_P(LayerNorm, SameBitsForAnyThreadCount) { expect_same_bits_for_any_threads(layer_norm_case(257, 96, true), GetParam()); }
TEST_P(LayerNorm, RowDoesNotDependOnOtherRows) { expect_rows_are_independent(layer_norm_case(65, 103, true), GetParam()); }
TEST_P(LayerNorm, PoisonStaysInItsRow) { expect_poison_stays_in_its_row(layer_norm_case(65, 103, true), GetParam()); }
TEST_P(LayerNorm, SameBitsAtAnyAddress) { expect_same_bits_at_any_address(layer_norm_case(65, 103, true), GetParam()); }

TEST_P(LayerNorm, RefusesWrongOperands) {
  Context ctx;
  const DType dtype = GetParam();
  const Tensor x = Tensor::zeros({3, 8}, dtype), w = Tensor::zeros({8}, dtype);
  EXPECT_REFUSAL("[layer_norm]", layer_norm(ctx, x, Tensor(), Tensor(), 1e-5f, nullptr));
  EXPECT_REFUSAL("[layer_norm]", layer_norm(ctx, x, Tensor::zeros({9}, dtype), Tensor(), 1e-5f, nullptr));
  EXPECT_REFUSAL("[layer_norm]", layer_norm(ctx, x, w, Tensor::zeros({7}, dtype), 1e-5f, nullptr));
  EXPECT_REFUSAL("[layer_norm]", layer_norm_backward(ctx, x, x, w, {}, x, Tensor(), Tensor()));
  EXPECT_REFUSAL("[layer_norm]", layer_norm(ctx, w, w, Tensor(), 1e-5f, nullptr));
}

}  // namespace
}  // namespace lathe::ops::test
