#include "ops/elementwise.h"

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

OpCase add_case(Shape shape) {
  OpCase op;
  op.name = join_text("add ", shape);
  op.operands = {{Role::kRows, shape}, {Role::kRows, shape}};
  op.forward = [](Context& ctx, const std::vector<Tensor>& in) { return add(ctx, in[0], in[1]); };
  op.reference = [](const std::vector<Values>& in) { return ref::mix(in[0], 1, in[1], 1); };
  return op;
}

OpCase scaled_case(Shape shape) {
  OpCase op;
  op.name = join_text("scaled ", shape);
  op.operands = {{Role::kRows, shape}};
  op.forward = [](Context& ctx, const std::vector<Tensor>& in) { return scaled(ctx, in[0], 6.25f); };
  op.reference = [](const std::vector<Values>& in) { return ref::map(in[0], [](double x) { return 6.25 * x; }); };
  return op;
}

// Both scalars learned: alpha = values[1], beta = -1.5 values[2] of another vector.
OpCase mix_case(Shape shape) {
  OpCase op;
  op.name = join_text("mix ", shape);
  op.operands = {{Role::kRows, shape}, {Role::kRows, shape}, {Role::kScalars, {3}}, {Role::kScalars, {4}}};
  op.forward = [](Context& ctx, const std::vector<Tensor>& in) { return mix(ctx, in[0], {in[2], 1, 1}, in[1], {in[3], 2, -1.5f}); };
  op.backward = [](Context& ctx, const std::vector<Tensor>& in, const Tensor& dy, const std::vector<Tensor>& grads) {
    mix_backward(ctx, dy, in[0], {in[2], 1, 1}, in[1], {in[3], 2, -1.5f}, grads[0], grads[1], grads[2], grads[3]);
  };
  op.reference = [](const std::vector<Values>& in) { return ref::mix(in[0], in[2][1], in[1], -1.5 * in[3][2]); };
  return op;
}

OpCase first_columns_case(int64_t rows, int64_t wide, int64_t narrow) {
  OpCase op;
  op.name = join_text("first_columns ", rows, " x ", wide, " to ", narrow);
  op.operands = {{Role::kRowsAdded, {rows, wide}}};
  op.forward = [=](Context& ctx, const std::vector<Tensor>& in) { return first_columns(ctx, in[0], narrow); };
  op.backward = [](Context& ctx, const std::vector<Tensor>&, const Tensor& dy, const std::vector<Tensor>& grads) {
    first_columns_backward(ctx, dy, grads[0]);
  };
  op.reference = [=](const std::vector<Values>& in) {
    Values y;
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t c = 0; c < narrow; ++c) y.push_back(in[0][static_cast<size_t>(n * wide + c)]);
    return y;
  };
  return op;
}

const Shape kShapes[] = {{1, 1}, {3, 5}, {1, 15}, {1, 16}, {1, 17}, {7, 129}};

LATHE_OP_SUITE(Add);
TEST_P(Add, MatchesFloat64Reference) {
  for (const Shape& shape : kShapes) expect_right_values(add_case(shape), GetParam());
}
TEST_P(Add, MultiplesMatchFloat64Reference) {
  for (const Shape& shape : kShapes) expect_right_values(scaled_case(shape), GetParam());
  expect_same_bits_for_any_threads(scaled_case({257, 97}), GetParam());
  expect_same_bits_at_any_address(scaled_case({7, 103}), GetParam());
}
TEST_P(Add, SameBitsForAnyThreadCount) { expect_same_bits_for_any_threads(add_case({257, 97}), GetParam()); }
TEST_P(Add, RowDoesNotDependOnOtherRows) { expect_rows_are_independent(add_case({7, 103}), GetParam()); }
TEST_P(Add, PoisonStaysInItsRow) { expect_poison_stays_in_its_row(add_case({7, 103}), GetParam()); }
TEST_P(Add, SameBitsAtAnyAddress) { expect_same_bits_at_any_address(add_case({7, 103}), GetParam()); }
TEST_P(Add, InPlaceGivesTheSameBits) {
  Context ctx;
  const DType dtype = GetParam();
  const Tensor a = make_tensor(random_values(65, 1, dtype), {65}, dtype), b = make_tensor(random_values(65, 2, dtype), {65}, dtype);
  const Tensor apart = add(ctx, a, b);
  add_inplace(ctx, a, b);
  EXPECT_EQ(bytes_of({a}), bytes_of({apart}));
}
TEST_P(Add, RefusesWrongOperands) {
  Context ctx;
  const Tensor x = Tensor::zeros({3, 8}, GetParam());
  EXPECT_REFUSAL("[add]", add(ctx, x, Tensor::zeros({8, 3}, GetParam())));
  EXPECT_REFUSAL("[add]", add_inplace(ctx, x, Tensor::zeros({3, 8}, DType::kInt32)));
}

LATHE_OP_SUITE(Mix);

// C-3.7
TEST_P(Mix, MatchesFloat64Reference) {
  for (const Shape& shape : kShapes) expect_right_values(mix_case(shape), GetParam());
}
// C-3.7: the scalars learn too, and only their own element of the vector.
TEST_P(Mix, GradientMatchesFiniteDifferences) {
  expect_right_gradients(mix_case({1, 1}), GetParam());
  expect_right_gradients(mix_case({4, 33}), GetParam());
}
TEST_P(Mix, BrokenGradientIsCaught) {
  // Elements that the op does not use have a zero gradient, so each vector is spoilt as a whole or not at all.
  expect_broken_gradients_are_caught(mix_case({4, 33}), GetParam());
}
TEST_P(Mix, SameBitsForAnyThreadCount) { expect_same_bits_for_any_threads(mix_case({257, 197}), GetParam()); }
TEST_P(Mix, RowDoesNotDependOnOtherRows) { expect_rows_are_independent(mix_case({7, 103}), GetParam()); }
TEST_P(Mix, PoisonStaysInItsRow) { expect_poison_stays_in_its_row(mix_case({7, 103}), GetParam()); }
TEST_P(Mix, SameBitsAtAnyAddress) { expect_same_bits_at_any_address(mix_case({7, 103}), GetParam()); }

// C-3.41: x - lambda xb with a fixed first scalar; nobody asks for gradients of constants.
TEST_P(Mix, TakesConstants) {
  Context ctx;
  const DType dtype = GetParam();
  const Tensor a = make_tensor(random_values(40, 1, dtype), {2, 20}, dtype), b = make_tensor(random_values(40, 2, dtype), {2, 20}, dtype);
  const Tensor lambda = make_tensor({0.25}, {1}, DType::kFloat32);
  const MixCoefficient one, minus_lambda{lambda, 0, -1};
  const Values expected = ref::mix(read_values(a), 1, read_values(b), -0.25);
  EXPECT_TRUE(testing::is_close(read_values(mix(ctx, a, one, b, minus_lambda)), expected, tolerance(expected, dtype)));
  const Tensor db = Tensor::empty({2, 20}, dtype), dlambda = Tensor::zeros({1}, DType::kFloat32);
  mix_backward(ctx, a, Tensor(), one, b, minus_lambda, Tensor(), db, Tensor(), dlambda);
  double dot = 0;
  for (size_t i = 0; i < 40; ++i) dot -= read_values(a)[i] * read_values(b)[i];
  EXPECT_NEAR(dlambda.data<float>()[0], dot, 1e-5);
  EXPECT_REFUSAL("[mix]", mix_backward(ctx, a, a, one, b, minus_lambda, db, db, dlambda, dlambda));
}
TEST_P(Mix, RefusesWrongOperands) {
  Context ctx;
  const Tensor x = Tensor::zeros({3, 8}, GetParam()), scalars = Tensor::zeros({2}, DType::kFloat32);
  const MixCoefficient one;
  EXPECT_REFUSAL("[mix]", mix(ctx, x, one, Tensor::zeros({8, 3}, GetParam()), one));
  EXPECT_REFUSAL("[mix]", mix(ctx, x, {scalars, 2, 1}, x, one));
  EXPECT_REFUSAL("[mix]", mix(ctx, x, one, x, {scalars, -1, 1}));
  EXPECT_REFUSAL("[mix]", mix(ctx, x, {Tensor::zeros({2}, DType::kBFloat16), 0, 1}, x, one));
  EXPECT_REFUSAL("[mix]", mix_backward(ctx, x, x, {scalars, 0, 1}, x, one, x, x, Tensor::zeros({3}, DType::kFloat32), Tensor()));
}

LATHE_OP_SUITE(FirstColumns);
TEST_P(FirstColumns, MatchesFloat64Reference) {
  for (const auto& [rows, wide, narrow] : {std::array<int64_t, 3>{1, 1, 1}, {3, 7, 2}, {5, 40, 32}, {2, 33, 33}, {9, 64, 12}})
    expect_right_values(first_columns_case(rows, wide, narrow), GetParam());
}
TEST_P(FirstColumns, GradientMatchesFiniteDifferences) { expect_right_gradients(first_columns_case(4, 33, 12), GetParam()); }
TEST_P(FirstColumns, BrokenGradientIsCaught) { expect_broken_gradients_are_caught(first_columns_case(4, 33, 12), GetParam()); }
TEST_P(FirstColumns, SameBitsForAnyThreadCount) { expect_same_bits_for_any_threads(first_columns_case(900, 40, 32), GetParam()); }
TEST_P(FirstColumns, RowDoesNotDependOnOtherRows) { expect_rows_are_independent(first_columns_case(9, 40, 19), GetParam()); }
TEST_P(FirstColumns, PoisonStaysInItsRow) { expect_poison_stays_in_its_row(first_columns_case(9, 40, 19), GetParam()); }
TEST_P(FirstColumns, SameBitsAtAnyAddress) { expect_same_bits_at_any_address(first_columns_case(9, 40, 19), GetParam()); }
TEST_P(FirstColumns, RefusesWrongOperands) {
  Context ctx;
  const Tensor x = Tensor::zeros({3, 8}, GetParam());
  EXPECT_REFUSAL("[first_columns]", first_columns(ctx, x, 9));
  EXPECT_REFUSAL("[first_columns]", first_columns(ctx, x, -1));
  EXPECT_REFUSAL("[first_columns]", first_columns_backward(ctx, Tensor::zeros({2, 4}, GetParam()), x));
  EXPECT_REFUSAL("[first_columns]", first_columns_backward(ctx, Tensor::zeros({3, 9}, GetParam()), x));
}

LATHE_OP_SUITE(GatherRows);
TEST_P(GatherRows, CopiesRowsByNumber) {
  Context ctx;
  const DType dtype = GetParam();
  const Tensor x = make_tensor(random_values(4 * 17, 1, dtype), {4, 17}, dtype);
  const Tensor y = gather_rows(ctx, x, make_indices({3, 0, 3}));
  EXPECT_EQ(bytes_of({y}), bytes_of({x.rows(3, 4), x.rows(0, 1), x.rows(3, 4)}));
  EXPECT_EQ(gather_rows(ctx, x, make_indices({})).shape(), (Shape{0, 17}));
  EXPECT_REFUSAL("[gather_rows]", gather_rows(ctx, x, make_indices({4})));
  EXPECT_REFUSAL("[gather_rows]", gather_rows(ctx, x, make_indices({-1})));
}

// Every float32 whose lower half is near a tie, and the special values: rounding is that of lathe::bf16.
TEST(Cast, RoundsToNearestEven) {
  Context ctx;
  std::vector<float> values;
  for (uint32_t upper = 0; upper < 0x10000; upper += 37)
    for (const uint32_t lower : {0u, 1u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu}) values.push_back(std::bit_cast<float>(upper << 16 | lower));
  for (const uint32_t bits : {0x7F800000u, 0xFF800000u, 0x7F800001u, 0x7FFFFFFFu, 0xFFFFFFFFu, 0x7F7FFFFFu, 0x80000000u})
    values.push_back(std::bit_cast<float>(bits));
  const auto n = static_cast<int64_t>(values.size());
  const Tensor x = Tensor::of<float>(std::span<const float>(values), {n}), y = Tensor::empty({n}, DType::kBFloat16);
  cast(ctx, x, y);
  int64_t wrong = 0;
  for (size_t i = 0; i < values.size(); ++i) wrong += y.data<bf16>()[i].bits != bf16(values[i]).bits;
  EXPECT_EQ(wrong, 0);
  const Tensor back = Tensor::empty({n}, DType::kFloat32);
  cast(ctx, y, back);
  for (size_t i = 0; i < values.size(); ++i)
    wrong += std::bit_cast<uint32_t>(back.data<float>()[i]) != uint32_t{y.data<bf16>()[i].bits} << 16;
  EXPECT_EQ(wrong, 0);
  const Tensor same = Tensor::empty({n}, DType::kFloat32);
  cast(ctx, back, same);
  EXPECT_EQ(bytes_of({same}), bytes_of({back}));
  EXPECT_REFUSAL("[cast]", cast(ctx, x, Tensor::zeros({n + 1}, DType::kBFloat16)));
  EXPECT_REFUSAL("[cast]", cast(ctx, x, Tensor::zeros({n}, DType::kInt32)));
}

// C-3.21
TEST(Softcap, MatchesFloat64Reference) {
  Context ctx;
  for (const int64_t n : {1, 15, 16, 17, 1000}) {
    const Values x = random_values(n, 5, DType::kFloat32, 12);
    const Tensor logits = make_tensor(x, {n}, DType::kFloat32);
    softcap_inplace(ctx, logits, 15);
    EXPECT_TRUE(testing::is_close(read_values(logits), ref::softcap(x, 15), {0, 5e-7})) << n;
  }
  const Tensor logits = make_tensor({1e9, -1e9, 0}, {3}, DType::kFloat32);
  softcap_inplace(ctx, logits, 15);
  EXPECT_EQ(read_values(logits), (Values{15, -15, 0}));
  softcap_inplace(ctx, logits, 0);  // none
  EXPECT_EQ(read_values(logits), (Values{15, -15, 0}));
}

// Trap M6, C-3.21: logits are float32 before they are capped.
TEST(TrapM6, SoftcapRefusesBFloat16Logits) {
  Context ctx;
  EXPECT_REFUSAL("[softcap]", softcap_inplace(ctx, Tensor::zeros({3}, DType::kBFloat16), 15));
}

}  // namespace
}  // namespace lathe::ops::test
