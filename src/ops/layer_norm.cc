#include "ops/layer_norm.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {
namespace {

void check(const Tensor& x, const Tensor& weight) {
  require_activation("[layer_norm]", x);
  require(x.rank() == 2 && x.dim(1) > 0, "[layer_norm] x must be (N, C), got ", x.shape());
  require_tensor("[layer_norm]", "weight", weight, {x.dim(1)}, x.dtype());
}

}  // namespace

Tensor layer_norm(Context& ctx, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps, LayerNormSaved* saved) {
  check(x, weight);
  if (bias) require_tensor("[layer_norm]", "bias", bias, {x.dim(1)}, x.dtype());
  Tensor y = ctx.empty_like(x);
  if (saved) {
    saved->mean = ctx.empty({x.dim(0)}, DType::kFloat32);
    saved->inv_std = ctx.empty({x.dim(0)}, DType::kFloat32);
  }
  const Timed timed(ctx, "layer_norm", 7 * static_cast<double>(x.elements()), bytes_of(x, y));
  if (!ctx.meta())
    kernels_of(ctx.device()).layer_norm(x, weight, bias, eps, y, saved ? saved->mean : Tensor(), saved ? saved->inv_std : Tensor());
  return y;
}

void layer_norm_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& weight, const LayerNormSaved& saved,
                         const Tensor& dx, const Tensor& dweight, const Tensor& dbias) {
  check(x, weight);
  require_tensor("[layer_norm]", "dy", dy, x.shape(), x.dtype());
  require_tensor("[layer_norm]", "dx", dx, x.shape(), x.dtype());
  require_tensor("[layer_norm]", "saved mean", saved.mean, {x.dim(0)}, DType::kFloat32);
  require_tensor("[layer_norm]", "saved inv_std", saved.inv_std, {x.dim(0)}, DType::kFloat32);
  if (dweight) require_tensor("[layer_norm]", "dweight", dweight, {x.dim(1)}, DType::kFloat32);
  if (dbias) require_tensor("[layer_norm]", "dbias", dbias, {x.dim(1)}, DType::kFloat32);
  const Timed timed(ctx, "layer_norm_backward", 14 * static_cast<double>(x.elements()), bytes_of(dy, x, dx));
  if (!ctx.meta()) kernels_of(ctx.device()).layer_norm_backward(dy, x, weight, saved.mean, saved.inv_std, dx, dweight, dbias);
}

}  // namespace lathe::ops
