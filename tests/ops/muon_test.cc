#include "ops/muon.h"

#include "ops/matmul.h"
#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

class Symmetric : public ::testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, Symmetric, ::testing::Values(DType::kFloat32, DType::kBFloat16),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

// What is mirrored has the bits of what would have been multiplied, below and beyond one block of rows.
TEST_P(Symmetric, ProductWithTheTransposeHasTheBitsOfTheWholeProduct) {
  Context ctx;
  for (const int64_t side : {1, 17, 128, 129, 200, 256, 300})
    for (const int64_t k : {1, 64, 777}) {
      const Tensor x = make_tensor(random_values(side * k, 3, GetParam()), {side, k}, GetParam());
      const Tensor whole = Tensor::empty({side, side}, GetParam()), half = Tensor::empty({side, side}, GetParam());
      matmul(ctx, x, Transpose::kNo, x, Transpose::kYes, whole, false);
      multiply_by_transpose(ctx, x, half);
      EXPECT_TRUE(bytes_of({half}) == bytes_of({whole})) << side << " x " << k;
      // A symmetric matrix times itself.
      matmul(ctx, half, Transpose::kNo, half, Transpose::kNo, whole, false);
      const Tensor square = Tensor::empty({side, side}, GetParam());
      multiply_by_transpose(ctx, half, square);
      EXPECT_TRUE(bytes_of({square}) == bytes_of({whole})) << side << " squared";
    }
}

TEST_P(Symmetric, TransposeMovesEveryElement) {
  Context ctx;
  for (const int64_t rows : {1, 15, 16, 33, 130})
    for (const int64_t columns : {1, 16, 31, 64}) {
      const Tensor x = make_tensor(random_values(rows * columns, 4, GetParam()), {rows, columns}, GetParam());
      const Tensor y = Tensor::empty({columns, rows}, GetParam());
      transpose(ctx, x, y);
      const Values from = read_values(x), to = read_values(y);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c)
          ASSERT_EQ(to[static_cast<size_t>(c * rows + r)], from[static_cast<size_t>(r * columns + c)]) << rows << " x " << columns;
    }
}

TEST(MuonOps, RefuseWrongOperands) {
  Context ctx;
  const Tensor x = Tensor::zeros({4, 6}, DType::kFloat32);
  EXPECT_REFUSAL("[transpose]", transpose(ctx, x, Tensor::zeros({4, 6}, DType::kFloat32)));
  EXPECT_REFUSAL("[multiply_by_transpose]", multiply_by_transpose(ctx, x, Tensor::zeros({6, 6}, DType::kFloat32)));
  EXPECT_REFUSAL("[multiply_by_transpose]", multiply_by_transpose(ctx, x, Tensor::zeros({4, 4}, DType::kBFloat16)));
}

}  // namespace
}  // namespace lathe::ops::test
