// Dropout of attention weights: values and gradients against the definition in float64, with the mask that the op draws.
// The mask is read off with v = identity, so that y are the weights themselves.
#include <cmath>
#include <cstring>

#include "core/parallel.h"
#include "core/rng.h"
#include "ops/attention.h"
#include "tests/ref/testing.h"

namespace lathe::ops {
namespace {

constexpr int64_t kHeads = 2, kBatch = 2, kWidth = 128;  // at least as wide as the rows are long
constexpr float kRate = 0.3f;

struct Problem {
  AttentionShape shape;
  Tensor q, k, v, dy;

  explicit Problem(int64_t t, int64_t window = -1, int64_t kv_heads = 1) {
    shape = {kBatch, t, kHeads, kv_heads, kWidth, window, 0.1f, Tensor(), kRate, {rng_key(3, "dropout"), 17}};
    q = random({kBatch * t, kHeads * kWidth}, 1), k = random({kBatch * t, kv_heads * kWidth}, 2);
    v = random({kBatch * t, kv_heads * kWidth}, 3), dy = random({kBatch * t, kHeads * kWidth}, 4);
  }
  static Tensor random(Shape shape, uint64_t seed) {
    const Tensor x = Tensor::empty(shape, DType::kFloat32);
    Rng rng(seed, "attention dropout");
    for (float& value : x.span<float>()) value = static_cast<float>(0.5 * rng.normal());
    return x;
  }
  int64_t length() const { return shape.queries; }
  // Weight (b, h, i, j) as it multiplies v.
  std::vector<double> weights(const AttentionShape& with) const {
    const int64_t t = length();
    const Tensor identity = Tensor::zeros({kBatch * t, shape.kv_heads * kWidth}, DType::kFloat32);
    for (int64_t n = 0; n < kBatch * t; ++n)
      for (int64_t g = 0; g < shape.kv_heads; ++g) identity.data<float>()[(n * shape.kv_heads + g) * kWidth + n % t] = 1;
    Context ctx;
    const Tensor y = attention(ctx, q, k, identity, with, nullptr);
    std::vector<double> out;
    for (int64_t b = 0; b < kBatch; ++b)
      for (int64_t h = 0; h < kHeads; ++h)
        for (int64_t i = 0; i < t; ++i)
          for (int64_t j = 0; j < t; ++j) out.push_back(double{y.data<float>()[((b * t + i) * kHeads + h) * kWidth + j]});
    return out;
  }
  AttentionShape without() const {
    AttentionShape plain = shape;
    plain.dropout = 0;
    return plain;
  }
};

struct Outcome {
  Tensor y, dq, dk, dv;
};
Outcome run(const Problem& p) {
  Context ctx;
  AttentionSaved saved;
  Outcome out;
  out.y = attention(ctx, p.q, p.k, p.v, p.shape, &saved).clone();
  out.dq = Tensor::empty(p.q.shape(), DType::kFloat32), out.dk = Tensor::empty(p.k.shape(), DType::kFloat32);
  out.dv = Tensor::empty(p.v.shape(), DType::kFloat32);
  attention_backward(ctx, p.dy, p.q, p.k, p.v, out.y, p.shape, saved, out.dq, out.dk, out.dv);
  return out;
}

// From the weights P and the mask: y = (D P) v;  dv = (D P)' dy;  dP = D (dy v');  dS = P (dP - sum P dP);  dq = s dS k.
struct Expected {
  std::vector<double> y, dq, dk, dv;
};
Expected expected(const Problem& p) {
  const int64_t t = p.length(), group = kHeads / p.shape.kv_heads;
  const std::vector<double> plain = p.weights(p.without()), dropped = p.weights(p.shape);
  const auto size = [](const Tensor& x) { return static_cast<size_t>(x.elements()); };
  Expected out{std::vector<double>(size(p.q)), std::vector<double>(size(p.q)), std::vector<double>(size(p.k)), std::vector<double>(size(p.k))};
  const auto at = [](const Tensor& x, int64_t i) { return double{x.data<float>()[i]}; };
  for (int64_t b = 0; b < kBatch; ++b)
    for (int64_t h = 0; h < kHeads; ++h)
      for (int64_t i = 0; i < t; ++i) {
        const int64_t query = ((b * t + i) * kHeads + h) * kWidth, row = ((b * kHeads + h) * t + i) * t;
        const auto key = [&](int64_t j) { return ((b * t + j) * p.shape.kv_heads + h / group) * kWidth; };
        std::vector<double> dp(static_cast<size_t>(t));
        double delta = 0;
        for (int64_t j = 0; j < t; ++j) {
          const double weight = plain[static_cast<size_t>(row + j)], d = dropped[static_cast<size_t>(row + j)];
          for (int64_t c = 0; c < kWidth; ++c) {
            out.y[static_cast<size_t>(query + c)] += d * at(p.v, key(j) + c);
            out.dv[static_cast<size_t>(key(j) + c)] += d * at(p.dy, query + c);
            dp[static_cast<size_t>(j)] += at(p.dy, query + c) * at(p.v, key(j) + c);
          }
          dp[static_cast<size_t>(j)] *= weight > 0 ? d / weight : 0;
          delta += weight * dp[static_cast<size_t>(j)];
        }
        for (int64_t j = 0; j < t; ++j) {
          const double ds = plain[static_cast<size_t>(row + j)] * (dp[static_cast<size_t>(j)] - delta) * double{p.shape.scale};
          for (int64_t c = 0; c < kWidth; ++c) {
            out.dq[static_cast<size_t>(query + c)] += ds * at(p.k, key(j) + c);
            out.dk[static_cast<size_t>(key(j) + c)] += ds * at(p.q, query + c);
          }
        }
      }
  return out;
}

void expect_equal(const Tensor& actual, const std::vector<double>& wanted, const char* what) {
  const std::vector<float> rounded(wanted.begin(), wanted.end());
  EXPECT_TRUE(testing::is_close(actual.span<float>(), std::span<const float>(rounded), {2e-5, 2e-5})) << what;
}

// L-11.81: few rows, several heads in a tile, several tiles, a window, a key/value head for each head.
TEST(AttentionDropout, ValuesAndGradientsAreThoseOfTheMask) {
  for (const Problem& p : {Problem(2), Problem(31), Problem(100), Problem(100, 20), Problem(70, -1, 2)}) {
    SCOPED_TRACE(p.length());
    const Outcome actual = run(p);
    const Expected wanted = expected(p);
    expect_equal(actual.y, wanted.y, "y");
    expect_equal(actual.dq, wanted.dq, "dq");
    expect_equal(actual.dk, wanted.dk, "dk");
    expect_equal(actual.dv, wanted.dv, "dv");
  }
}

// L-11.81
TEST(AttentionDropout, DropsTheRateOfWeightsAndScalesTheOthers) {
  const Problem p(120);
  const std::vector<double> plain = p.weights(p.without()), dropped = p.weights(p.shape);
  double kept = 0, seen = 0;
  for (size_t i = 0; i < plain.size(); ++i) {
    if (plain[i] == 0) continue;
    ++seen;
    if (dropped[i] == 0) continue;
    ++kept;
    ASSERT_NEAR(dropped[i], plain[i] / 0.7, 1e-5);
  }
  EXPECT_NEAR(kept / seen, 0.7, 4 * std::sqrt(0.21 / seen));
  Problem other(120);
  other.shape.dropout_key.call = 18;
  EXPECT_NE(other.weights(other.shape), dropped);
  EXPECT_EQ(p.weights(p.shape), dropped);
}

TEST(AttentionDropout, SameBitsForAnyThreadCount) {
  const int before = num_threads();
  const Problem p(100);
  std::vector<Outcome> outcomes;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    outcomes.push_back(run(p));
  }
  set_num_threads(before);
  for (const Outcome& o : outcomes)
    for (const auto& [a, b] : {std::pair{o.y, outcomes[0].y}, {o.dq, outcomes[0].dq}, {o.dk, outcomes[0].dk}, {o.dv, outcomes[0].dv}})
      EXPECT_EQ(std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())), 0);
}

TEST(AttentionDropout, ARateOfOneAndACacheAreRefused) {
  Problem p(4);
  p.shape.dropout = 1;
  Context ctx;
  EXPECT_THROW(attention(ctx, p.q, p.k, p.v, p.shape, nullptr), std::invalid_argument);
  p.shape.dropout = 0.1f;
  const Tensor cache = Tensor::zeros({kBatch, 1, 4, kWidth}, DType::kFloat32), lengths = Tensor::of<int32_t>(std::vector<int32_t>{4, 4}, {2});
  EXPECT_THROW(attention_cached(ctx, p.q, cache, cache, lengths, p.shape), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::ops
