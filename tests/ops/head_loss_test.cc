#include "ops/head_loss.h"

#include <cstring>
#include <functional>
#include <limits>

#include "core/parallel.h"
#include "core/rng.h"
#include "tests/ref/head_loss_ref.h"
#include "tests/ref/testing.h"

namespace lathe::ops {
namespace {

using testing::is_close;
using testing::is_close_in_norm;
using testing::Tolerance;

Tensor random_tensor(Shape shape, DType dtype, uint64_t seed, double deviation) {
  Tensor x = Tensor::empty(shape, DType::kFloat32);
  Rng rng(seed, "head loss test");
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
bool all_zero(const Tensor& x) {
  const std::vector<double> values = doubles(x);
  return !values.empty() && std::all_of(values.begin(), values.end(), [](double value) { return value == 0; });
}

struct Problem {
  HeadLossOptions options;
  Tensor x, w, targets, factor;
};

// W has three rows more than the vocabulary. Every fourth target is ignored, from the second on.
Problem make_problem(int64_t rows, int64_t width, int64_t vocab, float softcap, DType dtype, double logit_size = 3) {
  Problem p;
  p.options.vocab_size = vocab;
  p.options.softcap = softcap;
  p.x = random_tensor({rows, width}, dtype, 1, 1);
  p.w = random_tensor({vocab + 3, width}, dtype, 2, logit_size / std::sqrt(static_cast<double>(width)));
  p.targets = Tensor::empty({rows}, DType::kInt32);
  p.factor = random_tensor({rows}, DType::kFloat32, 3, 1);
  Rng rng(4, "head loss test");
  for (int64_t n = 0; n < rows; ++n)
    p.targets.data<int32_t>()[n] = n % 4 == 1 ? -1 : static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab)));
  return p;
}

ref::HeadLossCase reference_case(const Problem& p) {
  return {p.x.dim(0), p.x.dim(1), p.options.vocab_size, double{p.options.softcap}};
}
std::vector<int32_t> targets_of(const Problem& p) {
  return {p.targets.span<int32_t>().begin(), p.targets.span<int32_t>().end()};
}

struct Outcome {
  Tensor nll, dx, dw;
};

Outcome run(const Problem& p) {
  Context ctx;
  Outcome result{Tensor::empty({p.x.dim(0)}, DType::kFloat32), Tensor::empty(p.x.shape(), p.x.dtype()),
                 Tensor::zeros(p.w.shape(), DType::kFloat32)};
  head_loss_and_gradient(ctx, p.x, p.w, p.targets, p.factor, p.options, result.nll, result.dx, result.dw);
  return result;
}

Tensor loss_only(const Problem& p) {
  Context ctx;
  const Tensor nll = Tensor::empty({p.x.dim(0)}, DType::kFloat32);
  head_loss(ctx, p.x, p.w, p.targets, p.options, nll);
  return nll;
}

class HeadLoss : public ::testing::TestWithParam<DType> {};

struct Sizes {
  int64_t rows, width, vocab;
  float softcap;
};
constexpr Sizes kSizes[] = {{1, 8, 1, 0},    {3, 16, 5, 15},   {9, 32, 31, 0},    {7, 64, 32, 15},  {70, 33, 33, 15},
                            {2, 24, 63, 15}, {40, 16, 257, 0}, {5, 48, 1000, 15}, {33, 8, 5003, 15}};

// C-3.21, C-3.22
TEST_P(HeadLoss, MatchesFloat64Reference) {
  for (const Sizes& s : kSizes) {
    SCOPED_TRACE(join_text("N ", s.rows, " C ", s.width, " V ", s.vocab, " softcap ", s.softcap));
    const Problem p = make_problem(s.rows, s.width, s.vocab, s.softcap, GetParam());
    const std::vector<double> truth = ref::head_loss(doubles(p.x), doubles(p.w), targets_of(p), reference_case(p));
    const ref::HeadLossGradient slopes =
        ref::head_loss_gradient(doubles(p.x), doubles(p.w), targets_of(p), doubles(p.factor), reference_case(p));
    const Outcome result = run(p);
    EXPECT_TRUE(is_close(doubles(result.nll), truth, {5e-6, 2e-6}));
    EXPECT_TRUE(same_bits(loss_only(p), result.nll));
    if (s.vocab == 1) {
      EXPECT_TRUE(all_zero(result.dx) && all_zero(result.dw));
      continue;
    }
    const double tolerance = GetParam() == DType::kFloat32 ? 3e-6 : 5e-3;
    EXPECT_TRUE(is_close_in_norm(floats(result.dx), floats(slopes.dx), tolerance));
    EXPECT_TRUE(is_close_in_norm(floats(result.dw), floats(slopes.dw), tolerance));
  }
}

TEST(HeadLossGradient, MatchesFiniteDifferencesAndABrokenOneIsCaught) {
  for (const float softcap : {0.0f, 15.0f, 2.0f}) {
    const Problem p = make_problem(5, 6, 11, softcap, DType::kFloat32);
    const Outcome result = run(p);
    const std::vector<double> factor = doubles(p.factor);
    std::vector<double> operands[2] = {doubles(p.x), doubles(p.w)};
    for (const int which : {0, 1}) {
      std::vector<double> truth;
      for (double& element : operands[which]) {
        constexpr double kStep = 1e-5;
        const double centre = element;
        double loss[2] = {0, 0};
        for (const int side : {0, 1}) {
          element = centre + (side == 0 ? -kStep : kStep);
          const std::vector<double> nll = ref::head_loss(operands[0], operands[1], targets_of(p), reference_case(p));
          for (size_t n = 0; n < nll.size(); ++n) loss[side] += factor[n] * nll[n];
        }
        element = centre;
        truth.push_back((loss[1] - loss[0]) / (2 * kStep));
      }
      std::vector<double> actual = doubles(which == 0 ? result.dx : result.dw);
      EXPECT_TRUE(is_close(actual, truth, {5e-6, 5e-6})) << "operand " << which << ", softcap " << softcap;
      for (double& value : actual) value *= 1.5;
      EXPECT_FALSE(is_close(actual, truth, {5e-6, 5e-6})) << "operand " << which << ", softcap " << softcap;
    }
  }
}

TEST_P(HeadLoss, SameBitsForAnyNumberOfThreads) {
  const int threads = num_threads();
  const Problem p = make_problem(75, 40, 1003, 15, GetParam());
  set_num_threads(1);
  const Outcome alone = run(p);
  for (const int n : {2, 3}) {
    set_num_threads(n);
    const Outcome shared = run(p);
    EXPECT_TRUE(same_bits(shared.nll, alone.nll) && same_bits(shared.dx, alone.dx) && same_bits(shared.dw, alone.dw))
        << n << " threads";
  }
  set_num_threads(threads);
}

TEST_P(HeadLoss, RowsHaveTheSameBitsInAnyChunkAndAlone) {
  Problem p = make_problem(75, 64, 517, 15, GetParam());
  const Outcome whole = run(p);
  for (const int64_t chunk : {1, 2, 7, 32, 74, 75, 500}) {
    p.options.chunk_rows = chunk;
    const Outcome parts = run(p);
    EXPECT_TRUE(same_bits(parts.nll, whole.nll) && same_bits(parts.dx, whole.dx)) << "chunks of " << chunk;
    EXPECT_TRUE(is_close_in_norm(floats(parts.dw), floats(whole.dw), 1e-6)) << "chunks of " << chunk;
  }
  for (const int64_t n : {0, 1, 40, 74}) {
    Problem one = p;
    one.x = p.x.rows(n, n + 1), one.targets = p.targets.rows(n, n + 1), one.factor = p.factor.rows(n, n + 1);
    const Outcome alone = run(one);
    EXPECT_TRUE(same_bits(alone.nll, whole.nll.rows(n, n + 1)) && same_bits(alone.dx, whole.dx.rows(n, n + 1)))
        << "row " << n;
  }
}

TEST_P(HeadLoss, WeightGradientIsAdded) {
  Context ctx;
  const Problem p = make_problem(6, 16, 40, 15, GetParam());
  const Outcome once = run(p), twice = run(p);
  head_loss_and_gradient(ctx, p.x, p.w, p.targets, p.factor, p.options, twice.nll, Tensor(), twice.dw);
  std::vector<double> expected = doubles(once.dw);
  for (double& value : expected) value *= 2;
  EXPECT_TRUE(is_close(doubles(twice.dw), expected, {1e-6, 1e-6}));
}

// C-3.4
TEST_P(HeadLoss, PaddedRowsGiveNoLogitAndGetNoGradient) {
  Context ctx;
  const Problem p = make_problem(20, 16, 61, 15, GetParam());
  const Outcome before = run(p);
  const Tensor logits = head_logits(ctx, p.x, p.w, p.options);
  EXPECT_EQ(logits.shape(), (Shape{20, 61}));
  Tensor poison = Tensor::empty({3, 16}, DType::kFloat32);
  for (float& value : poison.span<float>()) value = std::numeric_limits<float>::quiet_NaN();
  p.w.rows(61, 64).copy_from(p.w.dtype() == DType::kFloat32 ? poison : poison.to(p.w.dtype()));
  const Outcome after = run(p);
  EXPECT_TRUE(same_bits(after.nll, before.nll) && same_bits(after.dx, before.dx) && same_bits(after.dw, before.dw));
  EXPECT_TRUE(all_zero(after.dw.rows(61, 64)));
  EXPECT_FALSE(all_zero(after.dw.rows(60, 61)));
  EXPECT_TRUE(same_bits(head_logits(ctx, p.x, p.w, p.options), logits));
}

// C-3.22
TEST_P(HeadLoss, IgnoredTargetsAndZeroFactorsGiveZero) {
  const Problem p = make_problem(12, 16, 50, 15, GetParam());
  p.factor.data<float>()[4] = 0;
  const Outcome result = run(p);
  for (const int64_t n : {1, 5, 9}) {
    EXPECT_EQ(result.nll.data<float>()[n], 0.0f);
    EXPECT_TRUE(all_zero(result.dx.rows(n, n + 1)));
  }
  EXPECT_GT(result.nll.data<float>()[4], 0.0f);
  EXPECT_TRUE(all_zero(result.dx.rows(4, 5)));
  EXPECT_FALSE(all_zero(result.dx.rows(0, 1)));
}

TEST(TrapL1, AllTargetsIgnoredGiveZeroLossAndGradients) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    const Problem p = make_problem(40, 16, 50, 15, dtype);
    std::fill_n(p.targets.data<int32_t>(), 40, -1);
    const Outcome result = run(p);
    EXPECT_TRUE(all_zero(result.nll) && all_zero(result.dx) && all_zero(result.dw));
  }
}

// C-3.21, L-13.8: with bf16 operands the logits, the softcap and the softmax still have float32's precision.
TEST(TrapM6, SoftcapAndSoftmaxRunInFloat32) {
  Context ctx;
  for (const float softcap : {15.0f, 0.0f})
    for (const double size : {5.0, 60.0, 3000.0}) {
      SCOPED_TRACE(join_text("softcap ", softcap, " logits of size ", size));
      const Problem p = make_problem(16, 32, 300, softcap, DType::kBFloat16, size);
      const std::vector<double> x = doubles(p.x), w = doubles(p.w);
      EXPECT_TRUE(is_close(doubles(head_logits(ctx, p.x, p.w, p.options)), ref::head_logits(x, w, reference_case(p)),
                           {2e-6 * size, 1e-6}));
      EXPECT_TRUE(is_close(doubles(loss_only(p)), ref::head_loss(x, w, targets_of(p), reference_case(p)),
                           {5e-6 + 2e-6 * size, 2e-6}));
      for (const double slope : doubles(run(p).dx)) ASSERT_TRUE(std::isfinite(slope));
    }
}

// C-3.21: sampling sees the distribution that the loss sees.
TEST_P(HeadLoss, LogitsGiveTheSameProbabilitiesAsTheLoss) {
  Context ctx;
  for (const float softcap : {15.0f, 0.0f}) {
    const Problem p = make_problem(30, 64, 999, softcap, GetParam());
    const std::vector<double> logits = doubles(head_logits(ctx, p.x, p.w, p.options));
    const Tensor nll = loss_only(p);
    for (int64_t n = 0; n < 30; ++n) {
      const int32_t target = p.targets.data<int32_t>()[n];
      if (target < 0) continue;
      const double* z = logits.data() + n * 999;
      ASSERT_NEAR(ref::log_sum_exp(z, 999) - z[target], double{nll.data<float>()[n]}, 2e-6) << "row " << n;
    }
  }
}

// L-5.21
TEST(TrapM9, LogitsOfAllRowsNeverExist) {
  const auto peak = [](int64_t rows) {
    Context ctx(Device::kMeta);
    HeadLossOptions options;
    options.vocab_size = 32768;
    options.softcap = 15;
    const Tensor x = ctx.empty({rows, 384}, DType::kBFloat16), w = ctx.empty({32768, 384}, DType::kBFloat16),
                 targets = ctx.empty({rows}, DType::kInt32), row_values = ctx.empty({rows}, DType::kFloat32),
                 dx = ctx.empty_like(x), dw = ctx.empty({32768, 384}, DType::kFloat32);
    const int64_t held = ctx.arena().bytes_in_use();
    head_loss_and_gradient(ctx, x, w, targets, row_values, options, row_values, dx, dw);
    EXPECT_EQ(ctx.arena().bytes_in_use(), held);
    return ctx.arena().peak_bytes() - held;
  };
  const int64_t small = peak(4096), large = peak(65536);
  EXPECT_GT(small, 0);
  EXPECT_EQ(small, large);
  EXPECT_LT(large, int64_t{65536} * 32768 * 4 / 20);
}

void expect_refusal(const std::function<void(const Problem&)>& call, const std::function<void(Problem&)>& spoil) {
  Problem p = make_problem(6, 16, 20, 15, DType::kFloat32);
  spoil(p);
  try {
    call(p);
    FAIL() << "nothing was refused";
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()).rfind("[head_loss] ", 0), 0u) << error.what();
  }
}

TEST(HeadLossRefusals, WrongShapesAndTargets) {
  const auto both = [](const Problem& p) { run(p); };
  expect_refusal(both, [](Problem& p) { p.targets.data<int32_t>()[3] = 20; });
  expect_refusal(both, [](Problem& p) { p.options.vocab_size = 24; });
  expect_refusal(both, [](Problem& p) { p.options.vocab_size = 0; });
  expect_refusal(both, [](Problem& p) { p.w = p.w.reshape({46, 8}); });
  expect_refusal(both, [](Problem& p) { p.w = p.w.to(DType::kBFloat16); });
  expect_refusal(both, [](Problem& p) { p.targets = p.targets.rows(0, 5); });
  expect_refusal(both, [](Problem& p) { p.factor = Tensor(); });
  expect_refusal(both, [](Problem& p) { p.factor = p.factor.rows(0, 5); });
  expect_refusal([](const Problem& p) { loss_only(p); }, [](Problem& p) { p.targets.data<int32_t>()[0] = 22; });
}

INSTANTIATE_TEST_SUITE_P(Dtypes, HeadLoss, ::testing::Values(DType::kFloat32, DType::kBFloat16),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

// L-11.46: value and gradient of (1 - e) nll + e mean(-log p), the slopes by central differences; nll keeps its bits.
TEST(LabelSmoothing, ValueAndGradientFollowTheDefinition) {
  for (const float cap : {0.0f, 15.0f}) {
    const Problem p = make_problem(7, 5, 33, cap, DType::kFloat32);
    const double e = 0.2f;
    std::vector<double> x = doubles(p.x), w = doubles(p.w);
    const std::vector<double> factor = doubles(p.factor);
    const auto smoothed_losses = [&] {
      const std::vector<double> z = ref::head_logits(x, w, {7, 5, 33, double{cap}});
      std::vector<double> losses;
      for (size_t n = 0; n < 7; ++n) {
        const int32_t target = p.targets.data<int32_t>()[n];
        double mean = 0;
        const double total = ref::log_sum_exp(z.data() + n * 33, 33);
        for (size_t v = 0; v < 33; ++v) mean += (total - z[n * 33 + v]) / 33;
        losses.push_back(target < 0 ? 0 : (1 - e) * (total - z[n * 33 + static_cast<size_t>(target)]) + e * mean);
      }
      return losses;
    };
    const auto weighted = [&] {
      const std::vector<double> losses = smoothed_losses();
      double sum = 0;
      for (size_t n = 0; n < 7; ++n) sum += factor[n] * losses[n];
      return sum;
    };
    const auto slopes = [&](std::vector<double>& of) {
      std::vector<double> out;
      for (double& value : of) {
        const double kept = value;
        value = kept + 1e-5;
        const double up = weighted();
        value = kept - 1e-5;
        out.push_back((up - weighted()) / 2e-5);
        value = kept;
      }
      return out;
    };
    Context ctx;
    HeadLossOptions options = p.options;
    const Tensor nll = Tensor::empty({7}, DType::kFloat32), plain = Tensor::empty({7}, DType::kFloat32);
    const Tensor smoothed = Tensor::empty({7}, DType::kFloat32);
    const Tensor dx = Tensor::zeros(p.x.shape(), DType::kFloat32), dw = Tensor::zeros(p.w.shape(), DType::kFloat32);
    head_loss(ctx, p.x, p.w, p.targets, options, plain);
    options.label_smoothing = 0.2f;
    head_loss_and_gradient(ctx, p.x, p.w, p.targets, p.factor, options, nll, dx, dw, {}, smoothed);
    EXPECT_TRUE(same_bits(nll, plain));
    EXPECT_TRUE(is_close(smoothed.span<float>(), std::span<const float>(floats(smoothed_losses())), Tolerance{1e-5, 1e-5}));
    EXPECT_TRUE(is_close(dx.span<float>(), std::span<const float>(floats(slopes(x))), Tolerance{1e-5, 1e-4}));
    EXPECT_TRUE(is_close(dw.span<float>(), std::span<const float>(floats(slopes(w))), Tolerance{1e-5, 1e-4}));
    options.label_smoothing = 1;
    EXPECT_THROW(head_loss(ctx, p.x, p.w, p.targets, options, nll), std::invalid_argument);
  }
}

}  // namespace
}  // namespace lathe::ops
