#include "ops/rms_norm.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {
namespace {

void check(const Tensor& x, const Tensor& weight) {
  require_activation("[rms_norm]", x);
  require(x.rank() == 2 && x.dim(1) > 0, "[rms_norm] x must be (N, C), got ", x.shape());
  if (weight) require_tensor("[rms_norm]", "weight", weight, {x.dim(1)}, x.dtype());
}

}  // namespace

Tensor rms_norm(Context& ctx, const Tensor& x, const Tensor& weight, float eps, float scale, RmsNormSaved* saved,
                float weight_offset) {
  check(x, weight);
  Tensor y = ctx.empty_like(x);
  if (saved) saved->inv_rms = ctx.empty({x.dim(0)}, DType::kFloat32);
  const Timed timed(ctx, "rms_norm", 4 * static_cast<double>(x.elements()), bytes_of(x, y));
  if (!ctx.meta()) kernels_of(ctx.device()).rms_norm(x, weight, weight_offset, eps, scale, y, saved ? saved->inv_rms : Tensor());
  return y;
}

void rms_norm_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& weight, float scale,
                       const RmsNormSaved& saved, const Tensor& dx, const Tensor& dweight, float weight_offset) {
  check(x, weight);
  require_tensor("[rms_norm]", "dy", dy, x.shape(), x.dtype());
  require_tensor("[rms_norm]", "dx", dx, x.shape(), x.dtype());
  require_tensor("[rms_norm]", "saved inv_rms", saved.inv_rms, {x.dim(0)}, DType::kFloat32);
  if (dweight) require_tensor("[rms_norm]", "dweight", dweight, {x.dim(1)}, DType::kFloat32);
  const Timed timed(ctx, "rms_norm_backward", 8 * static_cast<double>(x.elements()), bytes_of(dy, x, dx));
  if (!ctx.meta()) kernels_of(ctx.device()).rms_norm_backward(dy, x, weight, weight_offset, scale, saved.inv_rms, dx, dweight);
}

}  // namespace lathe::ops
