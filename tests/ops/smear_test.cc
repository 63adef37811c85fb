#include "ops/smear.h"

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

OpCase smear_case(int64_t batch, int64_t length, int64_t columns, int64_t taps) {
  OpCase op;
  op.name = join_text("smear ", batch, " x ", length, " x ", columns, ", ", taps, " taps");
  op.operands = {{Role::kRows, {batch * length, columns}}, {Role::kWeight, {1, taps}, 0.5}, {Role::kScalars, {1}}};
  op.forward = [=](Context& ctx, const std::vector<Tensor>& in) { return smear(ctx, in[0], in[1], in[2], Tensor(), batch, nullptr); };
  op.backward = [=](Context& ctx, const std::vector<Tensor>& in, const Tensor& dy, const std::vector<Tensor>& grads) {
    SmearSaved saved;
    smear(ctx, in[0], in[1], in[2], Tensor(), batch, &saved);
    smear_backward(ctx, dy, in[0], in[1], in[2], batch, saved, grads[0], grads[1], grads[2]);
  };
  op.reference = [=](const std::vector<Values>& in) { return ref::smear(in[0], in[1], in[2][0], {}, batch, columns); };
  return op;
}

LATHE_OP_SUITE(Smear);

// C-3.39: no predecessor at the start of each sequence; the predecessor is the value before smearing.
TEST_P(Smear, MatchesFloat64Reference) {
  expect_right_values(smear_case(1, 1, 1, 1), GetParam());
  expect_right_values(smear_case(2, 1, 30, 24), GetParam());
  expect_right_values(smear_case(1, 9, 24, 24), GetParam());
  expect_right_values(smear_case(3, 7, 33, 24), GetParam());
  expect_right_values(smear_case(2, 5, 100, 17), GetParam());
}
TEST_P(Smear, GradientMatchesFiniteDifferences) {
  expect_right_gradients(smear_case(1, 5, 26, 24), GetParam());
  expect_right_gradients(smear_case(3, 4, 9, 9), GetParam());
}
TEST_P(Smear, BrokenGradientIsCaught) { expect_broken_gradients_are_caught(smear_case(2, 5, 26, 24), GetParam()); }
TEST_P(Smear, SameBitsForAnyThreadCount) { expect_same_bits_for_any_threads(smear_case(3, 100, 130, 24), GetParam()); }

// C-3.40: position by position with the predecessor handed in gives the bits of the whole sequence.
TEST_P(Smear, StepByStepEqualsTheWholeSequence) {
  Context ctx;
  const DType dtype = GetParam();
  constexpr int64_t kLength = 6, kColumns = 37;
  const Tensor x = make_tensor(random_values(kLength * kColumns, 1, dtype), {kLength, kColumns}, dtype);
  const Tensor w = make_tensor(random_values(24, 2, dtype), {1, 24}, dtype), lambda = make_tensor({0.7}, {1}, DType::kFloat32);
  const Tensor whole = smear(ctx, x, w, lambda, Tensor(), 1, nullptr);
  for (int64_t t = 0; t < kLength; ++t) {
    const Tensor previous = t > 0 ? x.rows(t - 1, t) : Tensor();
    EXPECT_EQ(bytes_of({smear(ctx, x.rows(t, t + 1), w, lambda, previous, 1, nullptr)}), bytes_of({whole.rows(t, t + 1)})) << t;
  }
  const Tensor both = smear(ctx, x.rows(2, 6), w, lambda, x.rows(0, 2), 2, nullptr);
  const Values expected = ref::smear(read_values(x.rows(2, 6)), read_values(w), double{0.7f}, read_values(x.rows(0, 2)), 2, kColumns);
  EXPECT_TRUE(testing::is_close(read_values(both), expected, tolerance(expected, dtype)));
}

// L-7.15: packed documents smear as each does alone, forwards and backwards, and the bits of the whole stay otherwise.
TEST_P(Smear, DocumentsDoNotSmearIntoEachOther) {
  Context ctx;
  const DType dtype = GetParam();
  constexpr int64_t kRows = 9, kColumns = 37;
  const std::vector<int64_t> borders = {0, 2, 3, 6, 9};
  std::vector<int32_t> first;
  for (size_t i = 0; i + 1 < borders.size(); ++i)
    first.insert(first.end(), static_cast<size_t>(borders[i + 1] - borders[i]), static_cast<int32_t>(borders[i]));
  const Tensor x = make_tensor(random_values(kRows * kColumns, 1, dtype), {kRows, kColumns}, dtype);
  const Tensor dy = make_tensor(random_values(kRows * kColumns, 3, dtype), {kRows, kColumns}, dtype);
  const Tensor w = make_tensor(random_values(24, 2, dtype), {1, 24}, dtype), lambda = make_tensor({0.7}, {1}, DType::kFloat32);
  const Tensor keys = Tensor::of<int32_t>(first, {kRows});
  const auto backward = [&](const Tensor& part, const Tensor& up, const Tensor& of, std::vector<double>& sums) {
    SmearSaved saved;
    const Tensor y = smear(ctx, part, w, lambda, Tensor(), 1, &saved, of), dx = ctx.empty_like(part);
    const Tensor dw = Tensor::zeros({1, 24}, DType::kFloat32), dlambda = Tensor::zeros({1}, DType::kFloat32);
    smear_backward(ctx, up, part, w, lambda, 1, saved, dx, dw, dlambda, of);
    sums.resize(25);
    for (size_t i = 0; i < 24; ++i) sums[i] += double{dw.span<float>()[i]};
    sums[24] += double{dlambda.span<float>()[0]};
    return std::pair(y.clone(), dx.clone());
  };
  std::vector<double> packed, alone, open;
  const auto whole = backward(x, dy, keys, packed);
  for (size_t i = 0; i + 1 < borders.size(); ++i) {
    const auto part = backward(x.rows(borders[i], borders[i + 1]), dy.rows(borders[i], borders[i + 1]), Tensor(), alone);
    EXPECT_EQ(bytes_of({whole.first.rows(borders[i], borders[i + 1])}), bytes_of({part.first}));
    EXPECT_EQ(bytes_of({whole.second.rows(borders[i], borders[i + 1])}), bytes_of({part.second}));
  }
  EXPECT_TRUE(testing::is_close(packed, alone, {1e-5, 1e-5}));
  backward(x, dy, Tensor(), open);
  EXPECT_FALSE(testing::is_close(open, alone, {1e-5, 1e-5}));
}

TEST_P(Smear, RefusesWrongOperands) {
  Context ctx;
  const Tensor x = Tensor::zeros({6, 8}, GetParam()), w = Tensor::zeros({1, 4}, GetParam()), lambda = Tensor::zeros({1}, DType::kFloat32);
  EXPECT_REFUSAL("[smear]", smear(ctx, x, w, lambda, Tensor(), 4, nullptr));
  EXPECT_REFUSAL("[smear]", smear(ctx, x, w, lambda, Tensor(), 0, nullptr));
  EXPECT_REFUSAL("[smear]", smear(ctx, x, Tensor::zeros({1, 9}, GetParam()), lambda, Tensor(), 2, nullptr));
  EXPECT_REFUSAL("[smear]", smear(ctx, x, Tensor::zeros({2, 4}, GetParam()), lambda, Tensor(), 2, nullptr));
  EXPECT_REFUSAL("[smear]", smear(ctx, x, w, Tensor::zeros({2}, DType::kFloat32), Tensor(), 2, nullptr));
  EXPECT_REFUSAL("[smear]", smear(ctx, x, w, lambda, Tensor::zeros({3, 8}, GetParam()), 2, nullptr));
  SmearSaved saved;
  smear(ctx, x, w, lambda, Tensor(), 2, &saved);
  const Tensor dw = Tensor::zeros({1, 4}, DType::kFloat32);
  EXPECT_REFUSAL("[smear]", smear_backward(ctx, x, x, w, lambda, 2, saved, x, dw, lambda));
}

}  // namespace
}  // namespace lathe::ops::test
