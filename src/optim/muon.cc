#include "optim/muon.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "ops/muon.h"
#include "optim/polar_express.h"

namespace lathe::optim {
namespace {

constexpr double kNewestMargin = 1.01;

float square_root(double value) { return static_cast<float>(std::sqrt(value)); }

// Matrix i of a stack (N, R, C), as (R, C).
Tensor matrix_of(const Tensor& stack, int64_t i) { return stack.rows(i, i + 1).reshape({stack.dim(1), stack.dim(2)}); }

// Each row of u divided by its norm, times ||u||_F / sqrt(R) (row C-4.28).
void equalise_rows(ops::Context& ctx, const Tensor& u) {
  const Tensor sums = ctx.empty({u.dim(0)}, DType::kFloat32);
  ops::row_sums_of_squares(ctx, u, sums);
  if (ctx.meta()) return;
  const float target = square_root(total(sums)) / square_root(static_cast<double>(u.dim(0)));
  for (float& sum : sums.span<float>()) {
    const float factor = target / std::max(std::sqrt(sum), 1e-6f);
    sum = u.dtype() == DType::kBFloat16 ? round_to_bf16(factor) : factor;
  }
  ops::scale_rows_inplace(ctx, u, sums);
}

// Row C-4.13: updates `second` and returns the factors of the rows (R >= C) or columns of x.
Tensor reduce_variance(ops::Context& ctx, const Tensor& x, const Tensor& second, float beta2) {
  const bool by_row = x.dim(0) >= x.dim(1);
  const Tensor factors = ctx.empty({by_row ? x.dim(0) : x.dim(1)}, DType::kFloat32);
  (by_row ? ops::row_sums_of_squares : ops::column_sums_of_squares)(ctx, x, factors);
  if (ctx.meta()) return factors;
  const float n = static_cast<float>(by_row ? x.dim(1) : x.dim(0)), weight = 1.0f - beta2;
  const std::span<float> f = factors.span<float>();
  const float norm = square_root(total(factors));
  float* moment = second.data<float>();
  double scaled = 0;
  for (size_t i = 0; i < f.size(); ++i) {
    const float mean = f[i] / n;
    moment[i] = weight < 0.5f ? moment[i] + weight * (mean - moment[i]) : mean - (mean - moment[i]) * (1.0f - weight);
    f[i] = 1.0f / std::sqrt(std::max(moment[i], 1e-10f));
    scaled += double{mean * n * f[i] * f[i]};
  }
  const float ratio = norm / std::max(square_root(scaled), 1e-10f);
  for (float& factor : f) {
    factor *= ratio;
    if (x.dtype() == DType::kBFloat16) factor = round_to_bf16(factor);
  }
  return factors;
}

struct Rates {
  float lr, decay, beta2;
};

// In the dtype that the update is computed in (row C-4.15).
Rates rates_of(const ParamGroup& group, const Tensor& p, DType dtype) {
  const double aspect = static_cast<double>(p.dim(0)) / static_cast<double>(p.dim(1));
  Rates rates{static_cast<float>(group.lr * std::sqrt(std::max(1.0, aspect))), static_cast<float>(group.weight_decay),
              static_cast<float>(group.beta2)};
  if (dtype == DType::kBFloat16) {
    for (float* rate : {&rates.lr, &rates.decay, &rates.beta2}) *rate = round_to_bf16(*rate);
    rates.decay = round_to_bf16(rates.lr * rates.decay);
  } else {
    rates.decay *= rates.lr;
  }
  return rates;
}

// x = the orthogonalised update; float32 after the newest form's renormalisation.
Tensor orthogonalise(ops::Context& ctx, Tensor x, MuonForm form, int64_t steps) {
  if (form == MuonForm::kOld) {
    newton_schulz(ctx, x, steps);
    return x;
  }
  if (form == MuonForm::kSeed) {
    polar_express(ctx, x, steps);
    return x;
  }
  equalise_rows(ctx, x);
  polar_express(ctx, x, steps, kNewestMargin);
  const Tensor sums = ctx.empty({x.dim(0)}, DType::kFloat32);
  ops::row_sums_of_squares(ctx, x, sums);
  const float norm = std::max(square_root(total(sums)), 1e-6f);
  const Tensor out = x.dtype() == DType::kFloat32 ? x : ctx.empty(x.shape(), DType::kFloat32);
  ops::scaled_copy(ctx, x, square_root(static_cast<double>(std::min(x.dim(0), x.dim(1)))) / norm, out);
  return out;
}

}  // namespace

MuonState make_muon_state(const ParamGroup& group) {
  require(!group.parameters.empty(), "[muon] a group without parameters");
  const Parameter& first = *group.parameters.front();
  for (const Parameter* p : group.parameters)
    require(p->value.rank() == 2 && p->value.shape() == first.value.shape(), "[muon] ", p->name, " ", p->value.shape(),
            " does not go with ", first.name, " ", first.value.shape());
  const int64_t n = static_cast<int64_t>(group.parameters.size()), rows = first.value.dim(0),
                columns = first.value.dim(1);
  const Device device = first.value.device();
  const Shape second = rows >= columns ? Shape{n, rows, 1} : Shape{n, 1, columns};
  return {Tensor::zeros({n, rows, columns}, DType::kFloat32, device), Tensor::zeros(second, DType::kFloat32, device)};
}

void muon_step(ops::Context& ctx, const ParamGroup& group, const MuonState& state, MuonForm form, DType precision,
               float grad_scale) {
  require(ctx.device() != Device::kCuda, "[muon] runs on the CPU only");
  require(precision == DType::kFloat32 || precision == DType::kBFloat16, "[muon] precision must be fp32 or bf16, got ",
          dtype_name(precision));
  require(state.momentum.dim(0) == static_cast<int64_t>(group.parameters.size()), "[muon] state of another group");
  for (size_t i = 0; i < group.parameters.size(); ++i) {
    const Parameter& p = *group.parameters[i];
    if (!p.has_grad) continue;
    const int64_t index = static_cast<int64_t>(i);
    const Tensor u = ctx.empty(p.value.shape(), precision);
    ops::muon_nesterov(ctx, p.grad, grad_scale, static_cast<float>(group.momentum), matrix_of(state.momentum, index), u);
    const Tensor x = orthogonalise(ctx, u, form, group.ns_steps);
    Rates rates = rates_of(group, p.value, x.dtype());
    Tensor factors;
    const bool by_row = x.dim(0) >= x.dim(1);
    if (form == MuonForm::kOld) {
      rates.decay = 0;
      factors = ctx.empty({by_row ? x.dim(0) : x.dim(1)}, DType::kFloat32);
      if (!ctx.meta()) std::fill_n(factors.data<float>(), factors.elements(), 1.0f);
    } else {
      factors = reduce_variance(ctx, x, matrix_of(state.second_moment, index), rates.beta2);
    }
    const bool has_copy = p.compute && p.compute.dtype() != p.value.dtype();
    ops::muon_apply(ctx, x, factors, {rates.lr, rates.decay, by_row}, p.value, has_copy ? p.compute : Tensor());
  }
}

}  // namespace lathe::optim
