#include "ops/rope.h"

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

constexpr int64_t kPositions = 40;

OpCase rope_case(int64_t rows, int64_t heads, int64_t head_dim, int direction) {
  OpCase op;
  op.name = join_text("rope ", rows, " rows, ", heads, " heads of ", head_dim, ", direction ", direction);
  const Shape table{kPositions, head_dim / 2};
  op.operands = {{Role::kRows, {rows, heads * head_dim}}, {Role::kTable, table}, {Role::kTable, table}, {Role::kIndex, {rows}, 1, kPositions}};
  op.forward = [=](Context& ctx, const std::vector<Tensor>& in) { return rope(ctx, in[0], in[1], in[2], in[3], heads, direction, Tensor()); };
  op.backward = [=](Context& ctx, const std::vector<Tensor>& in, const Tensor& dy, const std::vector<Tensor>& grads) {
    rope(ctx, dy, in[1], in[2], in[3], heads, -direction, grads[0]);
  };
  op.reference = [=](const std::vector<Values>& in) {
    return ref::rope(in[0], in[1], in[2], to_indices(in[3]), heads, head_dim, direction);
  };
  return op;
}

LATHE_OP_SUITE(Rope);

// C-3.12
TEST_P(Rope, MatchesFloat64Reference) {
  for (const int direction : {1, -1})
    for (const auto& [rows, heads, head_dim] : {std::array<int64_t, 3>{1, 1, 2}, {5, 3, 6}, {4, 2, 32}, {3, 2, 34}, {3, 5, 64}, {2, 1, 128}})
      expect_right_values(rope_case(rows, heads, head_dim, direction), GetParam());
}

// C-3.12: halves, not neighbours; the chat family turns clockwise.
TEST_P(Rope, TurnsHalvesInTheGivenDirection) {
  Context ctx;
  const Tensor x = make_tensor({1, 0, 0, 0}, {1, 4}, GetParam());
  const Tensor cosine = make_tensor({0, 1}, {1, 2}, DType::kFloat32), sine = make_tensor({1, 0}, {1, 2}, DType::kFloat32);
  const Tensor first = make_indices({0});
  EXPECT_EQ(read_values(rope(ctx, x, cosine, sine, first, 1, 1, Tensor())), (Values{0, 0, -1, 0}));
  EXPECT_EQ(read_values(rope(ctx, x, cosine, sine, first, 1, -1, Tensor())), (Values{0, 0, 1, 0}));
}

// C-3.12: the backward is the other direction.
TEST_P(Rope, GradientMatchesFiniteDifferences) {
  for (const int direction : {1, -1}) expect_right_gradients(rope_case(5, 3, 10, direction), GetParam());
}
TEST_P(Rope, BrokenGradientIsCaught) { expect_broken_gradients_are_caught(rope_case(5, 3, 10, 1), GetParam()); }
TEST_P(Rope, SameBitsForAnyThreadCount) { expect_same_bits_for_any_threads(rope_case(257, 3, 34, 1), GetParam()); }
TEST_P(Rope, RowDoesNotDependOnOtherRows) { expect_rows_are_independent(rope_case(33, 3, 34, 1), GetParam()); }
TEST_P(Rope, PoisonStaysInItsRow) { expect_poison_stays_in_its_row(rope_case(33, 3, 34, 1), GetParam()); }
TEST_P(Rope, SameBitsAtAnyAddress) { expect_same_bits_at_any_address(rope_case(33, 3, 34, 1), GetParam()); }

TEST_P(Rope, WorksInPlace) {
  Context ctx;
  const DType dtype = GetParam();
  const Tensor x = make_tensor(random_values(7 * 66, 1, dtype), {7, 66}, dtype);
  const Tensor cosine = make_tensor(random_values(7 * 11, 2, DType::kFloat32), {7, 11}, DType::kFloat32);
  const Tensor positions = make_indices({6, 5, 4, 3, 2, 1, 0});
  const Tensor apart = rope(ctx, x, cosine, cosine, positions, 3, 1, Tensor());
  const Tensor same = rope(ctx, x, cosine, cosine, positions, 3, 1, x);
  EXPECT_EQ(same.raw(), x.raw());
  EXPECT_EQ(bytes_of({x}), bytes_of({apart}));
}

TEST_P(Rope, RefusesWrongOperands) {
  Context ctx;
  const Tensor x = Tensor::zeros({2, 12}, GetParam()), table = Tensor::zeros({4, 3}, DType::kFloat32);
  EXPECT_REFUSAL("[rope]", rope(ctx, x, table, table, make_indices({0, 4}), 2, 1, Tensor()));
  EXPECT_REFUSAL("[rope]", rope(ctx, x, table, table, make_indices({0, -1}), 2, 1, Tensor()));
  EXPECT_REFUSAL("[rope]", rope(ctx, x, table, table, make_indices({0}), 2, 1, Tensor()));
  EXPECT_REFUSAL("[rope]", rope(ctx, x, table, table, make_indices({0, 1}), 4, 1, Tensor()));
  EXPECT_REFUSAL("[rope]", rope(ctx, x, table, table, make_indices({0, 1}), 0, 1, Tensor()));
  EXPECT_REFUSAL("[rope]", rope(ctx, x, table, table, make_indices({0, 1}), 2, 2, Tensor()));
  EXPECT_REFUSAL("[rope]", rope(ctx, x, table, Tensor::zeros({4, 2}, DType::kFloat32), make_indices({0, 1}), 2, 1, Tensor()));
  EXPECT_REFUSAL("[rope]", rope(ctx, x, table, table, make_indices({0, 1}), 2, 1, Tensor::zeros({2, 13}, GetParam())));
}

}  // namespace
}  // namespace lathe::ops::test
