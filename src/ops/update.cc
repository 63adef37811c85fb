#include "ops/update.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {

void adamw_update(Context& ctx, const Tensor& p, const Tensor& g, const Tensor& m, const Tensor& v, const AdamwStep& step,
                  float grad_scale, const Tensor& compute) {
  require(p && p.dtype() == DType::kFloat32, "[adamw] the parameter must be float32");
  for (const Tensor* x : {&g, &m, &v})
    require(*x && x->dtype() == DType::kFloat32 && x->elements() == p.elements(), "[adamw] gradient and moments must be ", p.elements(),
            " float32 values, got ", x->shape(), " ", dtype_name(x->dtype()));
  require(!compute || (compute.dtype() == DType::kBFloat16 && compute.elements() == p.elements()), "[adamw] compute must be ",
          p.elements(), " bf16 values, got ", compute.shape(), " ", dtype_name(compute.dtype()));
  require(step.step >= 1, "[adamw] steps count from 1, got ", step.step);
  const Timed timed(ctx, "adamw", 14 * static_cast<double>(p.elements()), bytes_of(p, p, g, m, m, v, v, compute), shape_variant(p.elements() >> 11));
  if (!ctx.meta()) kernels_of(ctx.device()).adamw(p, g, m, v, step, grad_scale, compute);
}

double sum_of_squares(Context& ctx, const Tensor& x) {
  require(x && x.dtype() == DType::kFloat32, "[sum_of_squares] needs float32, got ", dtype_name(x.dtype()));
  const Timed timed(ctx, "sum_of_squares", 2 * static_cast<double>(x.elements()), bytes_of(x));
  return ctx.meta() ? 0 : kernels_of(ctx.device()).sum_of_squares(x);
}

void scale_inplace(Context& ctx, const Tensor& x, float factor) {
  require_activation("[scale]", x);
  const Timed timed(ctx, "scale", 1 * static_cast<double>(x.elements()), bytes_of(x, x));
  if (!ctx.meta()) kernels_of(ctx.device()).scale(x, factor);
}

}  // namespace lathe::ops
