#include "ops/matmul.h"
#include "core/parallel.h"

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

struct Product {
  int64_t m, k, n;
  bool ta = false, tb = true;
};

Transpose flag(bool transposed) { return transposed ? Transpose::kYes : Transpose::kNo; }

struct Operands {
  Tensor a, b;
};
Operands make_operands(const Product& p, DType dtype) {
  return {make_tensor(random_values(p.m * p.k, 1, dtype), p.ta ? Shape{p.k, p.m} : Shape{p.m, p.k}, dtype),
          make_tensor(random_values(p.k * p.n, 2, dtype), p.tb ? Shape{p.n, p.k} : Shape{p.k, p.n}, dtype)};
}

LATHE_OP_SUITE(Matmul);

TEST_P(Matmul, MatchesFloat64Reference) {
  Context ctx;
  for (const Product size : {Product{1, 1, 1}, {3, 5, 7}, {16, 64, 48}, {15, 63, 49}, {17, 65, 33}, {2, 257, 30}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const DType out : {DType::kFloat32, GetParam()}) {
          const Product p{size.m, size.k, size.n, ta, tb};
          const auto [a, b] = make_operands(p, GetParam());
          const Values expected = ref::matmul(read_values(a), ta, read_values(b), tb, p.m, p.k, p.n);
          const Tensor c = Tensor::empty({p.m, p.n}, out);
          matmul(ctx, a, flag(ta), b, flag(tb), c, false);
          EXPECT_TRUE(testing::is_close(read_values(c), expected, tolerance(expected, out))) << p.m << " " << p.k << " " << p.n << ta << tb;
        }
}

// A row of a product has the same bits alone, in a batch and with any number of threads.
TEST_P(Matmul, RowDoesNotDependOnOtherRows) {
  Context ctx;
  const int before = num_threads();
  for (const auto& [k, n] : {std::pair<int64_t, int64_t>{64, 64}, {65, 33}, {768, 256}, {1023, 97}, {256, 1000}})
    for (const bool tb : {false, true})
      for (const DType out : {DType::kFloat32, GetParam()}) {
        constexpr int64_t kRows = 512;
        const auto [a, b] = make_operands({kRows, k, n, false, tb}, GetParam());
        set_num_threads(1);
        const Tensor all = Tensor::empty({kRows, n}, out);
        matmul(ctx, a, Transpose::kNo, b, flag(tb), all, false);
        for (const int threads : {1, 2})
          for (const int64_t rows : {int64_t{1}, int64_t{2}, int64_t{8}, int64_t{64}, kRows}) {
            set_num_threads(threads);
            for (const int64_t first : {int64_t{0}, kRows - rows}) {
              const Tensor some = Tensor::empty({rows, n}, out);
              matmul(ctx, a.rows(first, first + rows), Transpose::kNo, b, flag(tb), some, false);
              EXPECT_TRUE(bytes_of({some}) == bytes_of({all.rows(first, first + rows)}))
                  << rows << " rows from " << first << ", K " << k << ", N " << n << (tb ? " transposed" : "") << ", " << threads
                  << " threads, into " << dtype_name(out);
            }
          }
      }
  set_num_threads(before);
}

// The weight gradient's form: long sums over rows, added to float32.
TEST_P(Matmul, LongTransposedSumsHaveTheSameBitsForAnyThreadCount) {
  Context ctx;
  const int before = num_threads();
  for (const int64_t k : {100, 4096, 16384}) {
    const Product p{48, k, 33, true, false};
    const auto [a, b] = make_operands(p, GetParam());
    const Values start = random_values(p.m * p.n, 3, DType::kFloat32);
    std::string bits;
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      const Tensor c = make_tensor(start, {p.m, p.n}, DType::kFloat32);
      matmul(ctx, a, Transpose::kYes, b, Transpose::kNo, c, true);
      if (threads == 1) {
        Values expected = ref::matmul(read_values(a), true, read_values(b), false, p.m, p.k, p.n);
        for (size_t i = 0; i < expected.size(); ++i) expected[i] += start[i];
        const double noise = 4e-8 * static_cast<double>(k);  // sums of k terms of size one in float32
        EXPECT_TRUE(testing::is_close(read_values(c), expected, {1e-5 + noise, 1e-6})) << k;
        bits = bytes_of({c});
      } else {
        EXPECT_TRUE(bytes_of({c}) == bits) << k << " with " << threads << " threads";
      }
    }
  }
  set_num_threads(before);
}

TEST_P(Matmul, EmptySumsAndEmptyResults) {
  Context ctx;
  const Tensor c = make_tensor({1, 2, 3, 4}, {2, 2}, DType::kFloat32);
  const Tensor a = Tensor::empty({2, 0}, GetParam()), b = Tensor::empty({0, 2}, GetParam());
  matmul(ctx, a, Transpose::kNo, b, Transpose::kNo, c, true);
  EXPECT_EQ(read_values(c), (Values{1, 2, 3, 4}));
  matmul(ctx, a, Transpose::kNo, b, Transpose::kNo, c, false);
  EXPECT_EQ(read_values(c), (Values{0, 0, 0, 0}));
  const Tensor none = Tensor::empty({0, 2}, GetParam());
  matmul(ctx, Tensor::empty({0, 3}, GetParam()), Transpose::kNo, Tensor::zeros({3, 2}, GetParam()), Transpose::kNo, none, false);
  EXPECT_EQ(none.elements(), 0);
}

TEST_P(Matmul, RefusesWrongOperands) {
  Context ctx;
  const Tensor a = Tensor::zeros({3, 4}, GetParam()), b = Tensor::zeros({4, 5}, GetParam()), c = Tensor::zeros({3, 5}, DType::kFloat32);
  EXPECT_REFUSAL("[matmul]", matmul(ctx, a, Transpose::kYes, b, Transpose::kNo, c, false));
  EXPECT_REFUSAL("[matmul]", matmul(ctx, a, Transpose::kNo, b, Transpose::kNo, Tensor::zeros({3, 4}, DType::kFloat32), false));
  EXPECT_REFUSAL("[matmul]", matmul(ctx, a, Transpose::kNo, b, Transpose::kNo, Tensor::zeros({3, 5}, DType::kBFloat16), true));
  EXPECT_REFUSAL("[matmul]", matmul(ctx, a, Transpose::kNo, Tensor::zeros({4, 5}, DType::kInt32), Transpose::kNo, c, false));
  EXPECT_REFUSAL("[matmul]", matmul(ctx, Tensor(), Transpose::kNo, b, Transpose::kNo, c, false));
}

}  // namespace
}  // namespace lathe::ops::test
