#include "ops/update.h"
#include "core/parallel.h"

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

struct State {
  Tensor p, g, m, v, compute;
};
State make_state(int64_t n) {
  const auto random = [n](uint64_t seed, double size) {
    return make_tensor(random_values(n, seed, DType::kFloat32, size), {n}, DType::kFloat32);
  };
  State s{random(1, 1), random(2, 0.1), random(3, 0.1), random(4, 0.1), Tensor::zeros({n}, DType::kBFloat16)};
  for (float& value : s.v.span<float>()) value *= value;
  return s;
}

// C-4.4
TEST(Adamw, MatchesFloat64Reference) {
  Context ctx;
  for (const int64_t n : {1, 15, 16, 17, 1000}) {
    const State s = make_state(n);
    Values p = read_values(s.p), g = read_values(s.g), m = read_values(s.m), v = read_values(s.v);
    const float lr = 0.01f, beta1 = 0.8f, beta2 = 0.95f, eps = 1e-10f, decay = 0.2f, grad_scale = 0.5f;
    for (double& value : g) value *= 0.5;
    for (int64_t t = 1; t <= 4; ++t) {
      adamw_update(ctx, s.p, s.g, s.m, s.v, {lr, beta1, beta2, eps, decay, t}, grad_scale, s.compute);
      ref::adamw(p, g, m, v, {double{lr}, double{beta1}, double{beta2}, double{eps}, double{decay}, t});
    }
    EXPECT_TRUE(testing::is_close(read_values(s.p), p, {5e-7, 5e-7})) << n;
    EXPECT_TRUE(testing::is_close(read_values(s.m), m, {1e-8, 1e-6})) << n;
    EXPECT_TRUE(testing::is_close(read_values(s.v), v, {1e-9, 1e-6})) << n;
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(s.compute.data<bf16>()[i].bits, bf16(s.p.data<float>()[i]).bits);
  }
}

// C-4.4: decay shrinks the parameter even without a gradient, by the learning rate times the decay and no more.
TEST(Adamw, DecayIsDecoupledFromTheGradient) {
  Context ctx;
  const Tensor p = make_tensor({2, -3}, {2}, DType::kFloat32), zero = Tensor::zeros({2}, DType::kFloat32);
  adamw_update(ctx, p, zero, zero.clone(), zero.clone(), {0.1f, 0.9f, 0.99f, 1e-8f, 0.5f, 1}, 1, Tensor());
  EXPECT_TRUE(testing::is_close(read_values(p), Values{2 * 0.95, -3 * 0.95}, {0, 2e-7}));
}

TEST(Adamw, SameBitsForAnyThreadCountAndPlace) {
  Context ctx;
  const auto run = [&](int threads, int64_t begin, int64_t end) {
    const State s = make_state(40'001);
    set_num_threads(threads);
    const auto cut = [&](const Tensor& x) { return x.rows(begin, end); };
    adamw_update(ctx, cut(s.p), cut(s.g), cut(s.m), cut(s.v), {0.01f, 0.9f, 0.99f, 1e-8f, 0.1f, 3}, 1, cut(s.compute));
    return bytes_of({s.p.rows(7, 40), s.m.rows(7, 40), s.v.rows(7, 40), s.compute.rows(7, 40), cut(s.p).rows(end - begin - 1, end - begin)});
  };
  const int before = num_threads();
  const std::string one = run(1, 0, 40'001);
  EXPECT_EQ(one, run(2, 0, 40'001));
  EXPECT_EQ(one, run(3, 0, 40'001));
  EXPECT_EQ(one, run(1, 3, 40'001));  // other places in the vectors
  set_num_threads(before);
}

TEST(Adamw, RefusesWrongOperands) {
  Context ctx;
  const Tensor x = Tensor::zeros({4}, DType::kFloat32), half = Tensor::zeros({4}, DType::kBFloat16), longer = Tensor::zeros({5}, DType::kFloat32);
  const AdamwStep step{0.1f, 0.9f, 0.99f, 1e-8f, 0, 1};
  EXPECT_REFUSAL("[adamw]", adamw_update(ctx, half, x, x, x, step, 1, Tensor()));
  EXPECT_REFUSAL("[adamw]", adamw_update(ctx, x, half, x, x, step, 1, Tensor()));
  EXPECT_REFUSAL("[adamw]", adamw_update(ctx, x, x, longer, x, step, 1, Tensor()));
  EXPECT_REFUSAL("[adamw]", adamw_update(ctx, x, x, x, x, step, 1, x));
  EXPECT_REFUSAL("[adamw]", adamw_update(ctx, x, x, x, x, {0.1f, 0.9f, 0.99f, 1e-8f, 0, 0}, 1, Tensor()));
}

TEST(SumOfSquares, IsExactToFloat64AndTheSameForAnyThreadCount) {
  Context ctx;
  const int before = num_threads();
  for (const int64_t n : {0, 1, 31, 32, 33, 100'003, 1'000'003}) {
    const Tensor x = make_tensor(random_values(n, 9, DType::kFloat32), {n}, DType::kFloat32);
    long double wide = 0;
    for (const float value : x.span<float>()) wide += static_cast<long double>(value) * static_cast<long double>(value);
    const auto expected = static_cast<double>(wide);
    set_num_threads(1);
    const double alone = sum_of_squares(ctx, x);
    EXPECT_NEAR(alone, expected, 1e-14 * expected) << n;
    for (const int threads : {2, 3}) {
      set_num_threads(threads);
      EXPECT_EQ(sum_of_squares(ctx, x), alone) << n;
    }
  }
  set_num_threads(before);
  EXPECT_REFUSAL("[sum_of_squares]", sum_of_squares(ctx, Tensor::zeros({3}, DType::kBFloat16)));
}

TEST(Scale, MultipliesInPlace) {
  Context ctx;
  const Values x = random_values(77, 1, DType::kFloat32);
  const Tensor values = make_tensor(x, {77}, DType::kFloat32);
  scale_inplace(ctx, values, 0.3f);
  EXPECT_TRUE(testing::is_close(read_values(values), ref::map(x, [](double v) { return double{0.3f} * v; }), {0, 1e-7}));
  EXPECT_REFUSAL("[scale]", scale_inplace(ctx, Tensor::zeros({3}, DType::kInt32), 2));
  const Tensor rounded = make_tensor(x, {77}, DType::kBFloat16);
  const Values before = read_values(rounded);
  scale_inplace(ctx, rounded, 4);
  EXPECT_TRUE(testing::is_close(read_values(rounded), ref::map(before, [](double v) { return 4 * v; }), {0, 0}));
}

}  // namespace
}  // namespace lathe::ops::test
