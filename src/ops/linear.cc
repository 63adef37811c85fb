#include "ops/linear.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {

Tensor linear(Context& ctx, const Tensor& x, const Tensor& w, const Tensor& bias) {
  require_activation("[linear]", x);
  require(x.rank() == 2 && w.rank() == 2 && x.dim(1) == w.dim(1), "[linear] x ", x.shape(), " and w ", w.shape(), " do not fit");
  Tensor y = ctx.empty({x.dim(0), w.dim(0)}, x.dtype());
  matmul(ctx, x, Transpose::kNo, w, Transpose::kYes, y, false);
  if (bias) add_bias(ctx, y, bias);
  return y;
}

void add_bias(Context& ctx, const Tensor& y, const Tensor& bias) {
  require_tensor("[linear]", "bias", bias, {y.dim(1)}, y.dtype());
  const Timed timed(ctx, "add_bias", 1 * static_cast<double>(y.elements()), bytes_of(y, y));
  if (!ctx.meta()) kernels_of(ctx.device()).add_bias(y, bias);
}

void linear_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& w, const Tensor& dx, const Tensor& dw,
                     const Tensor& dbias) {
  require_tensor("[linear]", "dy", dy, {x.dim(0), w.dim(0)}, x.dtype());
  if (dx) {
    require_tensor("[linear]", "dx", dx, x.shape(), x.dtype());
    matmul(ctx, dy, Transpose::kNo, w, Transpose::kNo, dx, false);
  }
  if (dw) {
    require_tensor("[linear]", "dw", dw, w.shape(), DType::kFloat32);
    matmul(ctx, dy, Transpose::kYes, x, Transpose::kNo, dw, true);
  }
  if (dbias) {
    require_tensor("[linear]", "dbias", dbias, {w.dim(0)}, DType::kFloat32);
    const Timed timed(ctx, "bias_backward", 1 * static_cast<double>(dy.elements()), bytes_of(dy));
    if (!ctx.meta()) kernels_of(ctx.device()).bias_backward(dy, dbias);
  }
}

}  // namespace lathe::ops
