#include "ops/matmul.h"

#include <bit>
#include <cmath>
#include <limits>

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
  for (const auto& [k, n] : {std::pair<int64_t, int64_t>{64, 64}, {65, 33}, {768, 256}, {1023, 97}, {256, 1000}, {1600, 50}, {3072, 16}})
    for (const bool tb : {false, true})
      for (const DType out : {DType::kFloat32, GetParam()}) {
        constexpr int64_t kRows = 512;
        const auto [a, b] = make_operands({kRows, k, n, false, tb}, GetParam());
        set_num_threads(1);
        const Tensor all = Tensor::empty({kRows, n}, out);
        matmul(ctx, a, Transpose::kNo, b, flag(tb), all, false);
        for (const int threads : {1, 2})
          for (const int64_t rows : {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{7}, int64_t{8}, int64_t{9}, int64_t{20}, int64_t{33}, int64_t{128}, int64_t{129}, kRows}) {
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

// Operands anywhere in memory, and numbers at the edges of what a float can be, alone as among others.
TEST_P(Matmul, FewRowsOfOddNumbersAtOddAddresses) {
  Context ctx;
  constexpr int64_t kRows = 160, kK = 96, kN = 40;  // more than the kernel of few rows takes
  const int64_t size = dtype_size(GetParam());
  auto [a, b] = make_operands({kRows, kK, kN}, GetParam());
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const auto put = [](const Tensor& x, int64_t at, float value) {
    if (x.dtype() == DType::kBFloat16) x.data<bf16>()[at] = bf16(value);
    else x.data<float>()[at] = value;
  };
  for (const float value : {1e-39f, -3e-40f, 3e38f, inf, -inf, nan, 0.0f, -0.0f}) {
    put(a, 5 * kK + 7, value), put(b, 3 * kK + 7, value), put(b, 11 * kK + 50, value);
    const Tensor all = Tensor::empty({kRows, kN}, DType::kFloat32);
    matmul(ctx, a, Transpose::kNo, b, Transpose::kYes, all, false);
    for (const int64_t shift : {0, 1, 3}) {  // elements
      const Tensor room_a = Tensor::empty({6 * kK + 8}, GetParam()), room_b = Tensor::empty({kN * kK + 8}, GetParam());
      const Tensor moved_a = Tensor::borrow(static_cast<char*>(room_a.raw()) + shift * size, {6, kK}, GetParam());
      const Tensor moved_b = Tensor::borrow(static_cast<char*>(room_b.raw()) + shift * size, {kN, kK}, GetParam());
      moved_a.copy_from(a.rows(0, 6)), moved_b.copy_from(b);
      const Tensor room_c = Tensor::empty({6 * kN + 8}, DType::kFloat32);
      const Tensor some = Tensor::borrow(static_cast<char*>(room_c.raw()) + shift * 4, {6, kN}, DType::kFloat32);
      matmul(ctx, moved_a, Transpose::kNo, moved_b, Transpose::kYes, some, false);
      for (int64_t i = 0; i < 6 * kN; ++i) {
        const float x = some.data<float>()[i], y = all.data<float>()[i];
        ASSERT_TRUE(std::isnan(x) ? std::isnan(y) : std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y))
            << value << " moved by " << shift << ": " << x << " and " << y << " at " << i;
      }
    }
  }
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
  EXPECT_REFUSAL("[matmul]", matmul(ctx, a, Transpose::kNo, b, Transpose::kNo, Tensor::zeros({3, 5}, DType::kInt32), true));
  EXPECT_REFUSAL("[matmul]", matmul(ctx, a, Transpose::kNo, Tensor::zeros({4, 5}, DType::kInt32), Transpose::kNo, c, false));
  EXPECT_REFUSAL("[matmul]", matmul(ctx, Tensor(), Transpose::kNo, b, Transpose::kNo, c, false));
}

}  // namespace
}  // namespace lathe::ops::test
