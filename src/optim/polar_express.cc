#include "optim/polar_express.h"

#include <cmath>

#include "ops/matmul.h"
#include "ops/muon.h"

namespace lathe::optim {
namespace {

using ops::Transpose;

struct Coefficients {
  double a, b, c;
};

// Row C-4.12.
constexpr Coefficients kPolarExpress[kMaxPolarSteps] = {{8.156554524902461, -22.48329292557795, 15.878769915207462},
                                                        {4.042929935166739, -2.808917465908714, 0.5000178451051316},
                                                        {3.8916678022926607, -2.772484153217685, 0.5060648178503393},
                                                        {3.285753657755655, -2.3681294933425376, 0.46449024233003106},
                                                        {2.3465413258596377, -1.7097828382687081, 0.42323551169305323}};
constexpr Coefficients kQuintic = {3.4445, -4.7750, 2.0315};

// Divides x by margin ||x|| + epsilon, every step in x's dtype.
void normalise(ops::Context& ctx, const Tensor& x, double margin, double epsilon) {
  const Tensor sums = ctx.empty({x.dim(0)}, DType::kFloat32);
  ops::row_sums_of_squares(ctx, x, sums);
  const bool is_bf16 = x.dtype() == DType::kBFloat16;
  const auto round = [is_bf16](float value) { return is_bf16 ? round_to_bf16(value) : value; };
  const float norm = round(static_cast<float>(std::sqrt(total(sums))));
  ops::divide_inplace(ctx, x, round(round(norm * static_cast<float>(margin)) + static_cast<float>(epsilon)));
}

// On the wide form: x x^T is the smaller square, and symmetric. A tall x is transposed first, which changes no bit: the
// products and their order are the same.
void iterate_wide(ops::Context& ctx, const Tensor& x, int64_t steps, const auto& coefficients_of) {
  const Tensor a = ctx.empty({x.dim(0), x.dim(0)}, x.dtype()), aa = ctx.empty_like(a), product = ctx.empty_like(x);
  for (int64_t step = 0; step < steps; ++step) {
    const Coefficients k = coefficients_of(step);
    ops::multiply_by_transpose(ctx, x, a);
    ops::multiply_by_transpose(ctx, a, aa);
    ops::muon_polynomial(ctx, a, aa, static_cast<float>(k.b), static_cast<float>(k.c));
    ops::matmul(ctx, a, Transpose::kNo, x, Transpose::kNo, product, false);
    ops::muon_combine(ctx, x, static_cast<float>(k.a), product);
  }
}

void iterate(ops::Context& ctx, const Tensor& x, int64_t steps, const auto& coefficients_of) {
  if (x.dim(0) <= x.dim(1)) return iterate_wide(ctx, x, steps, coefficients_of);
  const Tensor wide = ctx.empty({x.dim(1), x.dim(0)}, x.dtype());
  ops::transpose(ctx, x, wide);
  iterate_wide(ctx, wide, steps, coefficients_of);
  ops::transpose(ctx, wide, x);
}

}  // namespace

void polar_express(ops::Context& ctx, const Tensor& x, int64_t steps, double margin) {
  require(x && x.rank() == 2, "[polar_express] needs a matrix");
  require(steps >= 0 && steps <= kMaxPolarSteps, "[polar_express] steps must be 0 to ", kMaxPolarSteps, ", got ",
          steps);
  normalise(ctx, x, margin, 1e-6);
  iterate(ctx, x, steps, [](int64_t step) { return kPolarExpress[step]; });
}

void newton_schulz(ops::Context& ctx, const Tensor& x, int64_t steps) {
  require(x && x.rank() == 2, "[newton_schulz] needs a matrix");
  require(steps >= 0, "[newton_schulz] steps must not be negative, got ", steps);
  normalise(ctx, x, 1.0, 1e-7);
  iterate(ctx, x, steps, [](int64_t) { return kQuintic; });
}

double total(const Tensor& sums) {
  double sum = 0;
  if (sums.raw() != nullptr)
    for (const float value : sums.span<float>()) sum += double{value};
  return sum;
}

}  // namespace lathe::optim
