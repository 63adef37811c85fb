#include "ops/quantized.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "tensor/half.h"
#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

class Quantized : public ::testing::TestWithParam<WeightBits> {};
INSTANTIATE_TEST_SUITE_P(Bits, Quantized, ::testing::Values(WeightBits::kFour, WeightBits::kEight),
                         [](const auto& info) { return std::to_string(static_cast<int>(info.param)) + "Bits"; });

Tensor weights(int64_t n, int64_t k, DType dtype = DType::kBFloat16) { return make_tensor(random_values(n * k, 2, dtype), {n, k}, dtype); }
Tensor inputs(int64_t m, int64_t k) { return make_tensor(random_values(m * k, 1, DType::kBFloat16), {m, k}, DType::kBFloat16); }

// Half a step of the group's scale (at 4 bits the positive end is one step short: up to a whole step there).
TEST_P(Quantized, CodesStandForTheNearestNumbers) {
  for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
    const int64_t n = 21, k = 96;
    const Tensor w = weights(n, k, dtype);
    const Values exact = read_values(w), got = read_values(dequantize(quantize(w, GetParam())));
    for (int64_t g = 0; g < n * k / kQuantizedGroup; ++g) {
      double largest = 0;
      for (int64_t i = 0; i < kQuantizedGroup; ++i) {
        const double value = exact[static_cast<size_t>(g * kQuantizedGroup + i)];
        if (std::abs(value) > std::abs(largest)) largest = value;
      }
      const double step = std::abs(largest) / (GetParam() == WeightBits::kEight ? 127 : 8);
      for (int64_t i = 0; i < kQuantizedGroup; ++i) {
        const size_t at = static_cast<size_t>(g * kQuantizedGroup + i);
        const bool short_end = GetParam() == WeightBits::kFour && exact[at] * largest < 0;
        EXPECT_LE(std::abs(got[at] - exact[at]), (short_end ? 1.001 : 0.501) * step + 1e-3 * std::abs(exact[at])) << g << " " << i;
      }
    }
  }
}

TEST_P(Quantized, ProductIsThatOfTheNumbers) {
  Context ctx;
  for (const int64_t n : {1, 16, 40, 131})
    for (const int64_t k : {32, 96, 768})
      for (const int64_t m : {1, 2, 3, 5, 8, 9, 20}) {
        const QuantizedMatrix w = quantize(weights(n, k), GetParam());
        const Tensor x = inputs(m, k), y = Tensor::empty({m, n}, DType::kFloat32);
        quantized_product(ctx, x, w, y);
        const Values expected = ref::matmul(read_values(x), false, read_values(dequantize(w)), true, m, k, n);
        EXPECT_TRUE(testing::is_close(read_values(y), expected, {2e-5, 1e-4})) << m << " " << k << " " << n;
      }
}

TEST_P(Quantized, RowHasTheSameBitsAloneAndAmongOthersForAnyThreadCount) {
  Context ctx;
  const int before = num_threads();
  const int64_t rows = 70, k = 352, n = 77;
  const QuantizedMatrix w = quantize(weights(n, k), GetParam());
  const Tensor x = inputs(rows, k);
  for (const DType out : {DType::kFloat32, DType::kBFloat16}) {
    set_num_threads(1);
    const Tensor all = Tensor::empty({rows, n}, out);
    quantized_product(ctx, x, w, all);
    for (const int threads : {1, 2, 3})
      for (const int64_t count : {1, 2, 4, 7, 8, 9, 64})
        for (const int64_t first : {int64_t{0}, rows - count}) {
          set_num_threads(threads);
          const Tensor some = Tensor::empty({count, n}, out);
          quantized_product(ctx, x.rows(first, first + count), w, some);
          EXPECT_TRUE(bytes_of({some}) == bytes_of({all.rows(first, first + count)})) << count << " rows from " << first << ", " << threads << " threads";
        }
  }
  set_num_threads(before);
}

TEST_P(Quantized, GroupsOfZerosAndHugeNumbersStayFinite) {
  const double steps = GetParam() == WeightBits::kEight ? 127 : -8;
  for (const double scale : {60000.0, 1e9}) {  // within and beyond what a scale can say
    const Tensor w = Tensor::zeros({16, 64}, DType::kFloat32);
    w.data<float>()[64 + 3] = static_cast<float>(scale * steps);
    const Values got = read_values(dequantize(quantize(w, GetParam())));
    EXPECT_NEAR(got[64 + 3] / (std::min(scale, 65504.0) * steps), 1, 1e-3);
    for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(i == 64 + 3 || got[i] == 0) << i;
  }
}

TEST_P(Quantized, LinearAddsTheBias) {
  Context ctx;
  const QuantizedMatrix w = quantize(weights(20, 64), GetParam());
  const Tensor x = inputs(3, 64), bias = make_tensor(random_values(20, 5, DType::kBFloat16), {20}, DType::kBFloat16);
  const Values without = read_values(linear(ctx, x, w, Tensor())), with = read_values(linear(ctx, x, w, bias)), b = read_values(bias);
  for (size_t i = 0; i < with.size(); ++i) EXPECT_EQ(with[i], static_cast<double>(round_to_bf16(static_cast<float>(without[i] + b[i % 20])))) << i;
}

TEST_P(Quantized, RefusesWrongOperands) {
  Context ctx;
  const QuantizedMatrix w = quantize(weights(20, 64), GetParam());
  EXPECT_REFUSAL("[quantize]", quantize(weights(20, 60), GetParam()));
  EXPECT_REFUSAL("[quantized_product]", quantized_product(ctx, inputs(3, 32), w, Tensor::empty({3, 20}, DType::kFloat32)));
  EXPECT_REFUSAL("[quantized_product]", quantized_product(ctx, inputs(3, 64), w, Tensor::empty({3, 21}, DType::kFloat32)));
}

TEST(Half, ConvertsEveryValueThereAndBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value)))) << bits;
    } else {
      EXPECT_EQ(float_to_half(value), half) << bits;
    }
  }
  EXPECT_EQ(float_to_half(65520.0f), 0x7C00) << "beyond the middle to the next step: infinity";
  EXPECT_EQ(float_to_half(65519.0f), 0x7BFF);
  EXPECT_EQ(float_to_half(1.0f + 0x1p-11f), 0x3C00) << "ties to even";
  EXPECT_EQ(float_to_half(1.0f + 3 * 0x1p-11f), 0x3C02);
  EXPECT_EQ(float_to_half(0x1p-25f), 0) << "ties to even among the smallest";
}

}  // namespace
}  // namespace lathe::ops::test
