// Lion, and AdamW with moments of 8 bits.
#include <cmath>
#include <cstring>

#include "core/parallel.h"
#include "ops/update.h"
#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

Tensor random(int64_t n, uint64_t seed, double size) {
  Values values(static_cast<size_t>(n));
  Rng rng(seed, "small optimizers");
  for (double& value : values) value = size * rng.normal();
  return make_tensor(values, {n}, DType::kFloat32);
}

Moments8 moments8(int64_t n) {
  return {Tensor::zeros({n}, DType::kUInt8), Tensor::zeros({n}, DType::kUInt8), Tensor::zeros({moment_blocks(n)}, DType::kFloat32),
          Tensor::zeros({moment_blocks(n)}, DType::kFloat32)};
}

// The documented code, spelled out.
double decode(const Tensor& codes, const Tensor& scales, int64_t i, int levels) {
  const int code = codes.data<uint8_t>()[i], magnitude = code & levels;
  if (magnitude == 0) return 0;
  const int steps = levels - magnitude;  // down from the scale, eight an octave, linear within one
  const double octave = std::ceil(steps / 8.0), within = (octave * 8 - steps) / 8;
  const double value = double{scales.data<float>()[i / kMomentBlock]} * std::exp2(-octave) * (1 + within);
  return code > magnitude ? -value : value;
}
double first_moment(const Moments8& s, int64_t i) { return decode(s.m, s.m_scale, i, 127); }
double second_moment(const Moments8& s, int64_t i) { return decode(s.v, s.v_scale, i, 255); }

// L-11.42
TEST(Lion, MatchesItsDefinition) {
  Context ctx;
  for (const int64_t n : {1, 17, 1000}) {
    const Tensor p = random(n, 1, 1), g = random(n, 2, 0.1), m = random(n, 3, 0.1), copy = Tensor::zeros({n}, DType::kBFloat16);
    Values wanted = read_values(p), momentum = read_values(m);
    const double lr = 0.01f, b1 = 0.9f, b2 = 0.99f, decay = 0.3f;
    for (int step = 0; step < 3; ++step) {
      lion_update(ctx, p, g, m, {0.01f, 0.9f, 0.99f, 0.3f}, 0.5f, copy);
      for (int64_t i = 0; i < n; ++i) {
        const auto at = static_cast<size_t>(i);
        const double d = 0.5 * double{g.data<float>()[i]}, direction = b1 * momentum[at] + (1 - b1) * d;
        wanted[at] = wanted[at] * (1 - lr * decay) - lr * (direction > 0 ? 1 : direction < 0 ? -1 : 0);
        momentum[at] = b2 * momentum[at] + (1 - b2) * d;
      }
    }
    EXPECT_TRUE(testing::is_close(read_values(p), wanted, {1e-6, 1e-6})) << n;
    EXPECT_TRUE(testing::is_close(read_values(m), momentum, {1e-7, 1e-6})) << n;
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(copy.data<bf16>()[i].bits, bf16(p.data<float>()[i]).bits);
  }
}

// L-11.42: without a gradient and a momentum nothing but the decay moves.
TEST(Lion, TheSignOfZeroIsZero) {
  Context ctx;
  const Tensor p = make_tensor({2, -3}, {2}, DType::kFloat32), zero = Tensor::zeros({2}, DType::kFloat32);
  lion_update(ctx, p, zero, zero.clone(), {0.1f, 0.9f, 0.99f, 0.5f}, 1, Tensor());
  EXPECT_TRUE(testing::is_close(read_values(p), Values{2 * 0.95, -3 * 0.95}, {0, 2e-7}));
}

// L-11.38: the moments are coded after the step, so the first one is AdamW's own.
TEST(Adamw8, TheFirstStepIsThatOfAdamwAndItsMomentsAreClose) {
  Context ctx;
  for (const int64_t n : {1, 255, 256, 257, 1000}) {
    const Tensor p = random(n, 1, 1), q = p.clone(), g = random(n, 2, 0.1), copy = Tensor::zeros({n}, DType::kBFloat16);
    const Tensor m = Tensor::zeros({n}, DType::kFloat32), v = Tensor::zeros({n}, DType::kFloat32);
    const Moments8 coded = moments8(n);
    const AdamwStep step{0.01f, 0.9f, 0.99f, 1e-8f, 0.1f, 1};
    adamw_update(ctx, p, g, m, v, step, 0.5f, Tensor());
    adamw8_update(ctx, q, g, coded, step, 0.5f, copy);
    EXPECT_EQ(std::memcmp(p.raw(), q.raw(), static_cast<size_t>(p.bytes())), 0) << n;
    for (int64_t i = 0; i < n; ++i) {
      ASSERT_EQ(copy.data<bf16>()[i].bits, bf16(q.data<float>()[i]).bits);
      const double first = m.data<float>()[i], second = v.data<float>()[i];
      const double scale_m = coded.m_scale.data<float>()[i / kMomentBlock];
      EXPECT_NEAR(first_moment(coded, i), first, std::max(std::abs(first) / 8, scale_m * 0x1p-15)) << i;
      EXPECT_NEAR(second_moment(coded, i), second, second / 8 + 1e-12) << i;
    }
  }
}

// L-11.38: with rounding to nearest, a moment that moves by less than half a step would stay for ever.
TEST(Adamw8, MomentsDecayAsTheyShould) {
  Context ctx;
  constexpr int64_t n = 64 * kMomentBlock;
  const Tensor p = Tensor::zeros({n}, DType::kFloat32), g = random(n, 5, 1), zero = Tensor::zeros({n}, DType::kFloat32);
  const Moments8 coded = moments8(n);
  const auto mean = [&] {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += second_moment(coded, i);
    return sum / static_cast<double>(n);
  };
  adamw8_update(ctx, p, g, coded, {0, 0.9f, 0.999f, 1e-8f, 0, 1}, 1, Tensor());
  const double before = mean();
  EXPECT_NEAR(before, 1e-3, 4e-5);  // the variance of g, times 1 - beta2
  for (int64_t step = 2; step <= 301; ++step) adamw8_update(ctx, p, zero, coded, {0, 0.9f, 0.999f, 1e-8f, 0, step}, 1, Tensor());
  EXPECT_NEAR(mean() / before, std::pow(0.999, 300), 0.01);
}

// A second moment of nothing would let eps alone divide the step.
TEST(Adamw8, ASmallSecondMomentBesideALargeOneIsKept) {
  Context ctx;
  const Tensor p = Tensor::zeros({2}, DType::kFloat32), g = make_tensor({1e6, 1e-7}, {2}, DType::kFloat32);
  const Moments8 coded = moments8(2);
  adamw8_update(ctx, p, g, coded, {0.1f, 0.9f, 0.99f, 1e-30f, 0, 1}, 1, Tensor());
  EXPECT_GT(coded.v.data<uint8_t>()[1], 0);
  adamw8_update(ctx, p, g, coded, {0.1f, 0.9f, 0.99f, 1e-30f, 0, 2}, 1, Tensor());
  for (const float x : p.span<float>()) EXPECT_LT(std::abs(x), 0.3f);
}

// L-11.38
TEST(Adamw8, SameBitsForAnyThreadCount) {
  constexpr int64_t n = 100'001;
  const auto run = [&](int threads) {
    set_num_threads(threads);
    Context ctx;
    const Tensor p = random(n, 1, 1), g = random(n, 2, 0.1), copy = Tensor::zeros({n}, DType::kBFloat16);
    const Moments8 s = moments8(n);
    for (int64_t step = 1; step <= 3; ++step) adamw8_update(ctx, p, g, s, {0.01f, 0.9f, 0.95f, 1e-8f, 0.1f, step}, 1, copy);
    return bytes_of({p, s.m, s.v, s.m_scale, s.v_scale, copy});
  };
  const int before = num_threads();
  const std::string one = run(1);
  EXPECT_EQ(one, run(2));
  EXPECT_EQ(one, run(3));
  set_num_threads(before);
}

TEST(Adamw8, WrongOperandsAreRefused) {
  Context ctx;
  const Tensor x = Tensor::zeros({300}, DType::kFloat32);
  Moments8 s = moments8(300);
  s.v_scale = Tensor::zeros({1}, DType::kFloat32);
  EXPECT_REFUSAL("[adamw8] scales must be 2", adamw8_update(ctx, x, x, s, {0.1f, 0.9f, 0.9f, 1e-8f, 0, 1}, 1, Tensor()));
  s = moments8(300);
  s.m = x;
  EXPECT_REFUSAL("[adamw8] codes must be 300 uint8", adamw8_update(ctx, x, x, s, {0.1f, 0.9f, 0.9f, 1e-8f, 0, 1}, 1, Tensor()));
  EXPECT_REFUSAL("[adamw8] steps count from 1", adamw8_update(ctx, x, x, moments8(300), {0.1f, 0.9f, 0.9f, 1e-8f, 0, 0}, 1, Tensor()));
  EXPECT_REFUSAL("[lion]", lion_update(ctx, x, s.v, x, {0.1f, 0.9f, 0.9f, 0}, 1, Tensor()));
}

}  // namespace
}  // namespace lathe::ops::test
