#include <hwy/targets.h>

#include <array>
#include <cmath>

#include "core/machine.h"
#include "core/parallel.h"
#include "ops/cpu/blocked_product.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"
#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

// The whole program is run once per level (LATHE_MAX_ISA); this says that the level was in force.
TEST(InstructionSets, KernelsAreHeldToTheLevelAskedFor) {
  kernels_of(Device::kCpu);
#if HWY_ARCH_X86
  const int64_t targets = hwy::SupportedTargets();
  EXPECT_EQ((targets & HWY_AVX3) != 0, max_isa() >= Isa::kAvx512) << isa_name(max_isa());
  EXPECT_EQ((targets & HWY_AVX2) != 0, max_isa() >= Isa::kAvx2) << isa_name(max_isa());
#endif
}

// No kernel may switch the processor to flushing denormals, nor leave it so for the caller.
TEST(InstructionSets, DenormalsSurviveElementwiseOpsAndProducts) {
  Context ctx;
  constexpr float kDenormal = 1e-40f;
  const Tensor x = Tensor::empty({3, 37}, DType::kFloat32), zero = Tensor::zeros({3, 37}, DType::kFloat32);
  for (float& value : x.span<float>()) value = kDenormal;
  EXPECT_TRUE(bytes_of({add(ctx, x, zero)}) == bytes_of({x}));
  Tensor identity = Tensor::zeros({37, 37}, DType::kFloat32);
  for (int64_t i = 0; i < 37; ++i) identity.data<float>()[i * 38] = 1;
  const Tensor product = Tensor::empty({3, 37}, DType::kFloat32);
  matmul(ctx, x, Transpose::kNo, identity, Transpose::kYes, product, false);
  EXPECT_TRUE(bytes_of({product}) == bytes_of({x}));
  volatile float small = 2e-38f;
  EXPECT_EQ(std::fpclassify(small / 4), FP_SUBNORMAL);
}

Transpose flag(bool transposed) { return transposed ? Transpose::kYes : Transpose::kNo; }

LATHE_OP_SUITE(BlockedProduct);

// Sizes around the kernel's registers (6 x 8, 16, 32), its blocks (256) and its tiles (192 x 512).
TEST_P(BlockedProduct, MatchesFloat64Reference) {
  kernels_of(Device::kCpu);
  for (const auto& [m, k, n] : {std::array<int64_t, 3>{1, 1, 1}, {5, 255, 31}, {6, 256, 32}, {7, 257, 33}, {193, 40, 17}, {2, 513, 1030}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const bool accumulate : {false, true}) {
          const DType out = accumulate ? DType::kFloat32 : GetParam();
          const Tensor a = make_tensor(random_values(m * k, 1, GetParam()), ta ? Shape{k, m} : Shape{m, k}, GetParam());
          const Tensor b = make_tensor(random_values(k * n, 2, GetParam()), tb ? Shape{n, k} : Shape{k, n}, GetParam());
          const Tensor c = make_tensor(Values(static_cast<size_t>(m * n), 3.0), {m, n}, out);
          Values expected = ref::matmul(read_values(a), ta, read_values(b), tb, m, k, n);
          if (accumulate)
            for (double& value : expected) value += 3;
          cpu::blocked_product(a, flag(ta), b, flag(tb), c, accumulate);
          EXPECT_TRUE(testing::is_close(read_values(c), expected, tolerance(expected, out))) << m << " " << k << " " << n << ta << tb << accumulate;
        }
}

TEST_P(BlockedProduct, RowDependsOnNeitherOtherRowsNorColumnsNorThreads) {
  kernels_of(Device::kCpu);
  const int before = num_threads();
  constexpr int64_t kRowsOfAll = 200, kDepth = 700, kWidth = 600;
  const Tensor a = make_tensor(random_values(kRowsOfAll * kDepth, 1, GetParam()), {kRowsOfAll, kDepth}, GetParam());
  const Tensor b = make_tensor(random_values(kWidth * kDepth, 2, GetParam()), {kWidth, kDepth}, GetParam());
  const Tensor all = Tensor::empty({kRowsOfAll, kWidth}, GetParam());
  set_num_threads(1);
  cpu::blocked_product(a, Transpose::kNo, b, Transpose::kYes, all, false);
  for (const int threads : {1, 2, 3})
    for (const int64_t rows : {1, 5, 64, 199}) {
      set_num_threads(threads);
      const int64_t first = kRowsOfAll - rows;
      const Tensor some = Tensor::empty({rows, kWidth}, GetParam());
      cpu::blocked_product(a.rows(first, kRowsOfAll), Transpose::kNo, b, Transpose::kYes, some, false);
      EXPECT_TRUE(bytes_of({some}) == bytes_of({all.rows(first, kRowsOfAll)})) << rows << " rows, " << threads << " threads";
      const Tensor narrow = Tensor::empty({rows, 7}, GetParam());
      cpu::blocked_product(a.rows(first, kRowsOfAll), Transpose::kNo, b.rows(0, 7), Transpose::kYes, narrow, false);
      for (int64_t r = 0; r < rows; ++r)
        EXPECT_TRUE(bytes_of({narrow.rows(r, r + 1)}) == bytes_of({all.rows(first + r, first + r + 1)}).substr(0, bytes_of({narrow.rows(r, r + 1)}).size()));
    }
  set_num_threads(before);
}

}  // namespace
}  // namespace lathe::ops::test
