#include "ops/embedding.h"

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

OpCase embedding_case(int64_t rows, int64_t vocab, int64_t columns) {
  OpCase op;
  op.name = join_text("embedding of ", rows, " among ", vocab, " x ", columns);
  op.operands = {{Role::kWeight, {vocab, columns}}, {Role::kIndex, {rows}, 1, vocab}};
  op.forward = [](Context& ctx, const std::vector<Tensor>& in) { return embedding(ctx, in[0], in[1]); };
  op.backward = [](Context& ctx, const std::vector<Tensor>& in, const Tensor& dy, const std::vector<Tensor>& grads) {
    embedding_backward(ctx, dy, in[1], grads[0]);
  };
  op.reference = [=](const std::vector<Values>& in) { return ref::embedding(in[0], to_indices(in[1]), columns); };
  return op;
}

LATHE_OP_SUITE(Embedding);

TEST_P(Embedding, MatchesFloat64Reference) {
  for (const auto& [rows, vocab, columns] : {std::array<int64_t, 3>{1, 1, 1}, {9, 5, 7}, {4, 100, 16}, {31, 64, 17}, {200, 3, 33}})
    expect_right_values(embedding_case(rows, vocab, columns), GetParam());
}
// Few rows, many tokens: repeated ids add up.
TEST_P(Embedding, GradientMatchesFiniteDifferences) {
  expect_right_gradients(embedding_case(30, 4, 5), GetParam());
  expect_right_gradients(embedding_case(3, 130, 2), GetParam());
}
TEST_P(Embedding, BrokenGradientIsCaught) { expect_broken_gradients_are_caught(embedding_case(30, 4, 5), GetParam()); }
TEST_P(Embedding, SameBitsForAnyThreadCount) { expect_same_bits_for_any_threads(embedding_case(700, 90, 33), GetParam()); }
TEST_P(Embedding, RowDoesNotDependOnOtherRows) { expect_rows_are_independent(embedding_case(33, 9, 20), GetParam()); }
TEST_P(Embedding, SameBitsAtAnyAddress) { expect_same_bits_at_any_address(embedding_case(33, 9, 20), GetParam()); }
TEST_P(Embedding, RefusesWrongOperands) {
  Context ctx;
  const Tensor table = Tensor::zeros({5, 4}, GetParam()), dy = Tensor::zeros({2, 4}, GetParam());
  EXPECT_REFUSAL("[embedding]", embedding(ctx, table, make_indices({0, 5})));
  EXPECT_REFUSAL("[embedding]", embedding(ctx, table, make_indices({-1, 0})));
  EXPECT_REFUSAL("[embedding]", embedding(ctx, table, Tensor::zeros({2}, DType::kFloat32)));
  EXPECT_REFUSAL("[embedding]", embedding(ctx, Tensor::zeros({5}, GetParam()), make_indices({0})));
  EXPECT_REFUSAL("[embedding]", embedding_backward(ctx, dy, make_indices({0, 5}), Tensor::zeros({5, 4}, DType::kFloat32)));
  EXPECT_REFUSAL("[embedding]", embedding_backward(ctx, dy, make_indices({0}), Tensor::zeros({5, 4}, DType::kFloat32)));
  EXPECT_REFUSAL("[embedding]", embedding_backward(ctx, dy, make_indices({0, 1}), Tensor::zeros({5, 4}, DType::kBFloat16)));
  EXPECT_REFUSAL("[embedding]", embedding_backward(ctx, dy, make_indices({0, 1}), Tensor::zeros({5, 3}, DType::kFloat32)));
}

}  // namespace
}  // namespace lathe::ops::test
