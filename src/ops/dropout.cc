#include "ops/dropout.h"

#include "ops/kernels.h"

namespace lathe::ops {

Tensor dropout(Context& ctx, const Tensor& x, float rate, DropoutKey key) {
  require_activation("[dropout]", x);
  require(rate >= 0 && rate < 1, "[dropout] the rate must lie in [0, 1), got ", rate);
  if (rate == 0) return x;
  Tensor y = ctx.empty_like(x);
  if (!ctx.meta()) kernels_of(ctx.device()).dropout(x, rate, key, y);
  return y;
}

void dropout_backward(Context& ctx, const Tensor& dy, float rate, DropoutKey key, const Tensor& dx) {
  require_activation("[dropout]", dy);
  require(rate >= 0 && rate < 1, "[dropout] the rate must lie in [0, 1), got ", rate);
  require_tensor("[dropout]", "dx", dx, dy.shape(), dy.dtype());
  if (!ctx.meta()) kernels_of(ctx.device()).dropout(dy, rate, key, dx);
}

}  // namespace lathe::ops
