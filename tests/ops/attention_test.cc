#include "ops/attention.h"

#include <cstring>
#include <functional>
#include <limits>

#include "core/parallel.h"
#include "core/rng.h"
#include "tests/ref/attention_ref.h"
#include "tests/ref/testing.h"
#include "tests/ref/thread_time.h"

namespace lathe::ops {
namespace {

using testing::is_close;
using testing::is_close_in_norm;
using testing::Tolerance;

Tensor random_tensor(Shape shape, DType dtype, uint64_t seed, double deviation = 1) {
  Tensor x = Tensor::empty(shape, DType::kFloat32);
  Rng rng(seed, "attention test");
  for (float& value : x.span<float>()) value = static_cast<float>(deviation * rng.normal());
  return dtype == DType::kFloat32 ? x : x.to(dtype);
}

std::vector<double> doubles(const Tensor& x) {
  const Tensor wide = (x.dtype() == DType::kFloat32 ? x : x.to(DType::kFloat32)).to(DType::kFloat64);
  return {wide.span<double>().begin(), wide.span<double>().end()};
}

std::vector<float> floats(const std::vector<double>& x) { return {x.begin(), x.end()}; }
std::vector<float> floats(const Tensor& x) { return floats(doubles(x)); }

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() && a.bytes() > 0 &&
         std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
}

struct Problem {
  AttentionShape shape;
  Tensor q, k, v, dy;
};

Problem make_problem(int64_t batch, int64_t t, int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t window,
                     DType dtype, uint64_t seed = 1, double softcap = 0) {
  Problem p;
  p.shape = {batch, t, heads, kv_heads, head_dim, window, 1.0f / std::sqrt(static_cast<float>(head_dim))};
  p.shape.softcap = static_cast<float>(softcap);
  p.q = random_tensor({batch * t, heads * head_dim}, dtype, seed);
  p.k = random_tensor({batch * t, kv_heads * head_dim}, dtype, seed + 100);
  p.v = random_tensor({batch * t, kv_heads * head_dim}, dtype, seed + 200);
  p.dy = random_tensor({batch * t, heads * head_dim}, dtype, seed + 300);
  return p;
}

ref::AttentionCase reference_case(const AttentionShape& s) {
  return {s.batch, s.queries, s.heads, s.kv_heads, s.head_dim, s.window, s.queries, double{s.scale}, double{s.softcap}};
}

struct Outcome {
  Tensor y, log_sum_exp, dq, dk, dv;
};

Outcome run(const Problem& p) {
  Context ctx;
  AttentionSaved saved;
  const Tensor y = attention(ctx, p.q, p.k, p.v, p.shape, &saved);
  const Tensor dq = ctx.empty_like(p.q), dk = ctx.empty_like(p.k), dv = ctx.empty_like(p.v);
  attention_backward(ctx, p.dy, p.q, p.k, p.v, y, p.shape, saved, dq, dk, dv);
  return {y.clone(), saved.log_sum_exp.clone(), dq.clone(), dk.clone(), dv.clone()};
}

struct Sizes {
  int64_t batch, t, heads, kv_heads, head_dim, window;
};
// One key, odd lengths, a block minus, exactly and plus one, windows around a block, widths that are no vector
// multiple.
constexpr Sizes kSizes[] = {
    {1, 1, 1, 1, 8, -1},      {2, 5, 2, 1, 8, -1},    {1, 63, 2, 2, 16, -1},  {1, 64, 2, 1, 32, 0},
    {3, 65, 4, 2, 24, 1},     {1, 130, 3, 1, 64, 63}, {1, 131, 2, 2, 40, 64}, {2, 200, 4, 2, 128, 65},
    {1, 129, 2, 1, 256, 200}, {1, 67, 6, 2, 72, 10},  {2, 70, 4, 2, 12, 9},   {1, 66, 2, 2, 6, -1},
    {1, 65, 2, 1, 2, -1},     {1, 68, 2, 1, 34, 5},   {1, 190, 1, 1, 16, 17}, {1, 257, 2, 1, 8, 128}};

class Attention : public ::testing::TestWithParam<DType> {};

// C-3.18, C-3.19, C-3.20
TEST_P(Attention, MatchesFloat64Reference) {
  for (const Sizes& s : kSizes) {
    SCOPED_TRACE(join_text("T ", s.t, " D ", s.head_dim, " window ", s.window));
    const Problem p = make_problem(s.batch, s.t, s.heads, s.kv_heads, s.head_dim, s.window, GetParam());
    const ref::AttentionResult truth =
        ref::attention(doubles(p.q), doubles(p.k), doubles(p.v), reference_case(p.shape));
    const Outcome result = run(p);
    const Tolerance tolerance = GetParam() == DType::kFloat32 ? Tolerance{4e-6, 4e-6} : Tolerance{1e-5, 0.0040};
    EXPECT_TRUE(is_close(doubles(result.y), truth.y, tolerance));
    EXPECT_TRUE(is_close(doubles(result.log_sum_exp), truth.log_sum_exp, {4e-6, 1e-6}));
  }
}

TEST_P(Attention, GradientMatchesFloat64Reference) {
  for (const Sizes& s : kSizes) {
    SCOPED_TRACE(join_text("T ", s.t, " D ", s.head_dim, " window ", s.window));
    const Problem p = make_problem(s.batch, s.t, s.heads, s.kv_heads, s.head_dim, s.window, GetParam());
    const ref::AttentionGradient truth =
        ref::attention_gradient(doubles(p.dy), doubles(p.q), doubles(p.k), doubles(p.v), reference_case(p.shape));
    const Outcome result = run(p);
    if (GetParam() == DType::kFloat32) {
      EXPECT_TRUE(is_close(doubles(result.dq), truth.dq, {2e-5, 2e-5}));
      EXPECT_TRUE(is_close(doubles(result.dk), truth.dk, {2e-5, 2e-5}));
      EXPECT_TRUE(is_close(doubles(result.dv), truth.dv, {2e-5, 2e-5}));
    } else {                           // rounding of y (in delta) and of the result
      if (s.t > 1 && s.window != 0) {  // else one key is seen and dq, dk are zero but for delta's error
        EXPECT_TRUE(is_close_in_norm(floats(result.dq), floats(truth.dq), 0.01));
        EXPECT_TRUE(is_close_in_norm(floats(result.dk), floats(truth.dk), 0.01));
      }
      EXPECT_TRUE(is_close_in_norm(floats(result.dv), floats(truth.dv), 0.01));
    }
  }
}

// The same with scores capped at 1.5 (they reach about 4): in every form of the kernels, and unlike the uncapped ones.
TEST_P(Attention, CappedScoresAndTheirGradientMatchFloat64Reference) {
  for (const Sizes& s : kSizes) {
    SCOPED_TRACE(join_text("T ", s.t, " D ", s.head_dim, " window ", s.window));
    Problem p = make_problem(s.batch, s.t, s.heads, s.kv_heads, s.head_dim, s.window, GetParam(), 1, 1.5);
    const ref::AttentionResult truth = ref::attention(doubles(p.q), doubles(p.k), doubles(p.v), reference_case(p.shape));
    const ref::AttentionGradient slopes =
        ref::attention_gradient(doubles(p.dy), doubles(p.q), doubles(p.k), doubles(p.v), reference_case(p.shape));
    const Outcome result = run(p);
    const bool whole = GetParam() == DType::kFloat32, alone = s.t == 1 || s.window == 0;
    EXPECT_TRUE(is_close(doubles(result.y), truth.y, whole ? Tolerance{4e-6, 4e-6} : Tolerance{1e-5, 0.0040}));
    EXPECT_TRUE(is_close(doubles(result.log_sum_exp), truth.log_sum_exp, {4e-6, 1e-6}));
    EXPECT_TRUE(is_close_in_norm(floats(result.dv), floats(slopes.dv), whole ? 1e-5 : 0.01));
    if (alone) continue;  // one key is seen, nothing depends on its score
    EXPECT_TRUE(is_close_in_norm(floats(result.dq), floats(slopes.dq), whole ? 1e-5 : 0.01));
    EXPECT_TRUE(is_close_in_norm(floats(result.dk), floats(slopes.dk), whole ? 1e-5 : 0.01));
    p.shape.softcap = 0;
    const Outcome uncapped = run(p);
    EXPECT_FALSE(is_close_in_norm(floats(result.y), floats(uncapped.y), 0.01));
    EXPECT_FALSE(is_close_in_norm(floats(result.dq), floats(uncapped.dq), 0.02));
  }
}

// The finite differences of sum(dy * y) over every element of one operand.
std::vector<double> finite_differences(const Problem& p, std::vector<double> operands[3], int which) {
  const std::vector<double> dy = doubles(p.dy);
  std::vector<double> slopes;
  for (double& element : operands[which]) {
    constexpr double kStep = 1e-5;
    const double centre = element;
    double loss[2];
    for (const int side : {0, 1}) {
      element = centre + (side == 0 ? -kStep : kStep);
      const std::vector<double> y = ref::attention(operands[0], operands[1], operands[2], reference_case(p.shape)).y;
      loss[side] = 0;
      for (size_t i = 0; i < y.size(); ++i) loss[side] += dy[i] * y[i];
    }
    element = centre;
    slopes.push_back((loss[1] - loss[0]) / (2 * kStep));
  }
  return slopes;
}

TEST(AttentionGradient, MatchesFiniteDifferencesAndABrokenOneIsCaught) {
  for (const double softcap : {0.0, 1.2}) {
    for (const Sizes& s : {Sizes{2, 5, 2, 1, 8, -1}, Sizes{1, 9, 2, 2, 16, 3}}) {
      const Problem p = make_problem(s.batch, s.t, s.heads, s.kv_heads, s.head_dim, s.window, DType::kFloat32, 1, softcap);
      const Outcome result = run(p);
      std::vector<double> operands[3] = {doubles(p.q), doubles(p.k), doubles(p.v)};
      const Tensor gradients[3] = {result.dq, result.dk, result.dv};
      for (const int which : {0, 1, 2}) {
        const std::vector<double> truth = finite_differences(p, operands, which);
        std::vector<double> actual = doubles(gradients[which]);
        EXPECT_TRUE(is_close(actual, truth, {1e-5, 1e-5})) << "operand " << which;
        for (double& value : actual) value *= 1.5;
        EXPECT_FALSE(is_close(actual, truth, {1e-5, 1e-5})) << "operand " << which;
      }
    }
  }
}

TEST_P(Attention, SameBitsForAnyNumberOfThreads) {
  const int threads = num_threads();
  // Fewer key/value heads than threads, and more: both forms of the backward pass.
  for (const Sizes& s : {Sizes{2, 200, 4, 2, 64, -1}, Sizes{1, 300, 1, 1, 40, 70}, Sizes{1, 333, 3, 1, 24, -1},
                         Sizes{1, 257, 2, 2, 16, 5}, Sizes{3, 129, 2, 1, 32, 64}}) {
    SCOPED_TRACE(join_text("T ", s.t, " D ", s.head_dim, " window ", s.window));
    const Problem p = make_problem(s.batch, s.t, s.heads, s.kv_heads, s.head_dim, s.window, GetParam());
    set_num_threads(1);
    const Outcome alone = run(p);
    for (const int n : {2, 3}) {
      set_num_threads(n);
      const Outcome shared = run(p);
      EXPECT_TRUE(same_bits(shared.y, alone.y) && same_bits(shared.log_sum_exp, alone.log_sum_exp)) << n << " threads";
      EXPECT_TRUE(same_bits(shared.dq, alone.dq) && same_bits(shared.dk, alone.dk) && same_bits(shared.dv, alone.dv))
          << n << " threads";
    }
    set_num_threads(threads);
  }
}

// A cache of `capacity` positions a head that holds the first length(b) rows of each sequence of p; the rest is NaN.
struct Cache {
  Tensor k, v, lengths;
};
Cache fill_cache(const Problem& p, int64_t capacity, const std::vector<int32_t>& lengths) {
  const int64_t t = p.shape.queries, heads = p.shape.kv_heads, width = p.shape.head_dim;
  Tensor nan = Tensor::empty({p.shape.batch, heads, capacity, width}, DType::kFloat32);
  for (float& value : nan.span<float>()) value = std::numeric_limits<float>::quiet_NaN();
  Cache cache{nan.to(p.k.dtype()), nan.to(p.k.dtype()), Tensor::of<int32_t>(lengths, {p.shape.batch})};
  for (const auto& [cached, of_all] : {std::pair(cache.k, p.k), std::pair(cache.v, p.v)}) {
    const Tensor to = cached.reshape({p.shape.batch * heads * capacity, width}), from = of_all.reshape({p.shape.batch * t * heads, width});
    for (int64_t b = 0; b < p.shape.batch; ++b)
      for (int64_t i = 0; i < lengths[static_cast<size_t>(b)] * heads; ++i) {
        const int64_t at = (b * heads + i % heads) * capacity + i / heads, source = b * t * heads + i;
        to.rows(at, at + 1).copy_from(from.rows(source, source + 1));
      }
  }
  return cache;
}

// Rows of `x` (B*T, C): for each sequence its positions lengths[b] - queries ... lengths[b] - 1.
Tensor last_positions(const Tensor& x, int64_t t, int64_t queries, const std::vector<int32_t>& lengths) {
  const auto batch = static_cast<int64_t>(lengths.size());
  Tensor out = Tensor::empty({batch * queries, x.dim(1)}, x.dtype());
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t end = b * t + lengths[static_cast<size_t>(b)];
    out.rows(b * queries, (b + 1) * queries).copy_from(x.rows(end - queries, end));
  }
  return out;
}

// Decoding, several queries at once and training: one result, whatever else is in the batch or the cache beyond a row.
TEST_P(Attention, CachedQueriesHaveTheBitsOfTraining) {
  Context ctx;
  for (const int64_t window : {-1, 0, 1, 63, 64, 65, 500})
    for (const Sizes& s : {Sizes{2, 150, 2, 2, 8, window}, Sizes{2, 201, 6, 2, 64, window},
                           Sizes{3, 97, 4, 1, 40, window}, Sizes{1, 140, 2, 1, 128, window}}) {
      const double softcap = s.head_dim == 64 || s.head_dim == 40 ? 2 : 0;
      const Problem p = make_problem(s.batch, s.t, s.heads, s.kv_heads, s.head_dim, s.window, GetParam(), 1, softcap);
      const Tensor trained = attention(ctx, p.q, p.k, p.v, p.shape, nullptr);
      for (const int64_t queries : {1, 2, 3, 4, 5, 6, 7, 8, 9, 33, 70, 97}) {
        std::vector<int32_t> lengths;
        for (int64_t b = 0; b < s.batch; ++b)
          lengths.push_back(static_cast<int32_t>(std::max(queries, s.t - b * 41 - queries % 3)));
        const Cache cache = fill_cache(p, s.t + 5, lengths);
        AttentionShape shape = p.shape;
        shape.queries = queries;
        const Tensor y =
            attention_cached(ctx, last_positions(p.q, s.t, queries, lengths), cache.k, cache.v, cache.lengths, shape);
        ASSERT_TRUE(same_bits(y, last_positions(trained, s.t, queries, lengths)))
            << queries << " queries, window " << window << ", D " << s.head_dim;
      }
    }
}

// C-3.18
TEST(AttentionWindow, SeesWindowPlusOneKeys) {
  Context ctx;
  Problem p = make_problem(1, 150, 1, 1, 8, 0, DType::kFloat32);
  p.q.fill_zero();  // equal weights
  for (int64_t t = 0; t < 150; ++t)
    for (int64_t d = 0; d < 8; ++d) p.v.data<float>()[t * 8 + d] = static_cast<float>(t);
  for (const int64_t window : {0, 1, 2, 63, 64, 65, 149, 1000}) {
    p.shape.window = window;
    const Tensor y = attention(ctx, p.q, p.k, p.v, p.shape, nullptr);
    for (int64_t t = 0; t < 150; ++t) {
      const auto first = static_cast<double>(std::max<int64_t>(0, t - window));
      ASSERT_NEAR(y.data<float>()[t * 8], (first + static_cast<double>(t)) / 2, 1e-4)
          << "position " << t << ", window " << window;
    }
  }
}

// C-3.20: the work of a query is that of its window. Eight times the length would take eight times as long a token.
TEST(AttentionWindow, TimeOfATokenDoesNotGrowWithTheLength) {
  const int threads = num_threads();
  set_num_threads(1);  // all of the work is this thread's
  const auto best_seconds = [](int64_t t) {
    const Problem p = make_problem(1, t, 2, 2, 32, 64, DType::kFloat32);
    double best = 1e30;
    for (int i = 0; i < 5; ++i) {
      const double start = lathe::testing::thread_cpu_seconds();
      run(p);
      best = std::min(best, lathe::testing::thread_cpu_seconds() - start);
    }
    return best / static_cast<double>(t);
  };
  const double short_rows = best_seconds(1024), long_rows = best_seconds(8192);
  set_num_threads(threads);
  EXPECT_LT(long_rows, 3 * short_rows);
}

// C-3.19
TEST(AttentionGroups, QueryHeadUsesItsGroupsKeyValueHead) {
  Context ctx;
  const Problem p = make_problem(1, 3, 6, 2, 8, -1, DType::kFloat32);
  for (int64_t t = 0; t < 3; ++t)
    for (int64_t c = 0; c < 16; ++c) p.v.data<float>()[t * 16 + c] = static_cast<float>(c / 8 + 10);
  const Tensor y = attention(ctx, p.q, p.k, p.v, p.shape, nullptr);
  for (int64_t h = 0; h < 6; ++h) EXPECT_NEAR(y.data<float>()[h * 8], h < 3 ? 10.0 : 11.0, 1e-5) << "head " << h;
}

// C-3.18, C-10.26: what lies before the window, and beyond a sequence's length, has no part in the result.
TEST(TrapM5, CachedDecodeHonoursTheWindow) {
  Context ctx;
  const Problem p = make_problem(1, 150, 2, 2, 16, 20, DType::kFloat32);
  const std::vector<int32_t> lengths = {150};
  const Cache cache = fill_cache(p, 160, lengths);
  AttentionShape shape = p.shape;
  shape.queries = 1;
  const Tensor q = last_positions(p.q, 150, 1, lengths);
  const Tensor windowed = attention_cached(ctx, q, cache.k, cache.v, cache.lengths, shape);
  for (const Tensor& x : {cache.k, cache.v})
    for (int64_t head = 0; head < 2; ++head)
      for (int64_t i = 0; i < 129 * 16; ++i) x.data<float>()[head * 160 * 16 + i] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(same_bits(attention_cached(ctx, q, cache.k, cache.v, cache.lengths, shape), windowed));
  cache.k.data<float>()[129 * 16] += 1;  // the oldest key inside
  EXPECT_FALSE(same_bits(attention_cached(ctx, q, cache.k, cache.v, cache.lengths, shape), windowed));
}

TEST(AttentionCausal, LaterTokensChangeNothingBefore) {
  Context ctx;
  const Problem p = make_problem(1, 140, 2, 1, 24, -1, DType::kBFloat16);
  const Tensor before = attention(ctx, p.q, p.k, p.v, p.shape, nullptr).clone();
  const Tensor other = random_tensor({40, 24}, DType::kBFloat16, 77, 5);
  p.k.rows(100, 140).copy_from(other);
  p.v.rows(100, 140).copy_from(other);
  const Tensor after = attention(ctx, p.q, p.k, p.v, p.shape, nullptr);
  EXPECT_TRUE(same_bits(after.rows(0, 100), before.rows(0, 100)));
  EXPECT_FALSE(same_bits(after.rows(100, 140), before.rows(100, 140)));
}

TEST(AttentionExtremes, HugeScoresStayFinite) {
  Problem p = make_problem(1, 100, 2, 2, 32, -1, DType::kFloat32);
  p.shape.scale = 300;
  const Outcome result = run(p);
  const ref::AttentionResult truth = ref::attention(doubles(p.q), doubles(p.k), doubles(p.v), reference_case(p.shape));
  // A score of some thousands has an error of about 1e-3 in float32.
  EXPECT_TRUE(is_close_in_norm(result.y.span<float>(), std::vector<float>(truth.y.begin(), truth.y.end()), 5e-3));
  for (const Tensor& x : {result.dq, result.dk, result.dv})
    for (const float value : x.span<float>()) ASSERT_TRUE(std::isfinite(value));
}

TEST(AttentionMeta, GivesShapesOnly) {
  Context ctx(Device::kMeta);
  const AttentionShape shape{2, 10, 4, 2, 16, -1, 0.25f};
  const Tensor q = ctx.empty({20, 64}, DType::kBFloat16), k = ctx.empty({20, 32}, DType::kBFloat16);
  AttentionSaved saved;
  EXPECT_EQ(attention(ctx, q, k, k, shape, &saved).shape(), q.shape());
  EXPECT_EQ(saved.log_sum_exp.shape(), (Shape{2, 4, 10}));
}

void expect_refusal(const std::function<void()>& call) {
  try {
    call();
    FAIL() << "nothing was refused";
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()).rfind("[attention] ", 0), 0u) << error.what();
  }
}

TEST(AttentionRefusals, WrongShapesAndLengths) {
  Context ctx;
  const Problem good = make_problem(2, 6, 4, 2, 16, -1, DType::kFloat32);
  const auto refused = [&](const std::function<void(Problem&)>& spoil) {
    Problem p = good;
    spoil(p);
    expect_refusal([&] { attention(ctx, p.q, p.k, p.v, p.shape, nullptr); });
  };
  refused([](Problem& p) { p.shape.kv_heads = 3; });
  refused([](Problem& p) { p.shape.kv_heads = 0; });
  refused([](Problem& p) { p.shape.head_dim = 13; });
  refused([](Problem& p) { p.shape.head_dim = 264; });
  refused([](Problem& p) { p.shape.scale = 0; });
  refused([](Problem& p) { p.shape.queries = 7; });
  refused([](Problem& p) { p.k = p.q; });
  refused([](Problem& p) { p.v = p.v.to(DType::kBFloat16); });
  refused([](Problem& p) { p.q = Tensor(); });
  const Cache cache = fill_cache(good, 8, {6, 6});
  AttentionShape one = good.shape;
  one.queries = 1;
  const Tensor q = good.q.rows(0, 2);
  expect_refusal([&] {
    attention_cached(ctx, q, cache.k, cache.v, Tensor::of<int32_t>(std::vector<int32_t>{6, 9}, {2}), one);
  });
  expect_refusal([&] {
    attention_cached(ctx, q, cache.k, cache.v, Tensor::of<int32_t>(std::vector<int32_t>{0, 6}, {2}), one);
  });
  expect_refusal([&] { attention_cached(ctx, q, cache.k.reshape({16, 32}), cache.v, cache.lengths, one); });
  expect_refusal([&] {
    attention_backward(ctx, good.dy, good.q, good.k, good.v, good.q, good.shape, AttentionSaved(), good.q, good.k,
                       good.v);
  });
}

INSTANTIATE_TEST_SUITE_P(Dtypes, Attention, ::testing::Values(DType::kFloat32, DType::kBFloat16),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

}  // namespace
}  // namespace lathe::ops
