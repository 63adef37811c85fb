#include "ops/dropout.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {

Tensor dropout(Context& ctx, const Tensor& x, float rate, DropoutKey key) {
  require_activation("[dropout]", x);
  require(rate >= 0 && rate < 1, "[dropout] the rate must lie in [0, 1), got ", rate);
  if (rate == 0) return x;
  Tensor y = ctx.empty_like(x);
  const Timed timed(ctx, "dropout", 1 * static_cast<double>(x.elements()), bytes_of(x, y));
  if (!ctx.meta()) kernels_of(ctx.device()).dropout(x, rate, key, y);
  return y;
}

void dropout_backward(Context& ctx, const Tensor& dy, float rate, DropoutKey key, const Tensor& dx) {
  require_activation("[dropout]", dy);
  require(rate >= 0 && rate < 1, "[dropout] the rate must lie in [0, 1), got ", rate);
  require_tensor("[dropout]", "dx", dx, dy.shape(), dy.dtype());
  const Timed timed(ctx, "dropout_backward", 1 * static_cast<double>(dy.elements()), bytes_of(dy, dx));
  if (!ctx.meta()) kernels_of(ctx.device()).dropout(dy, rate, key, dx);
}

}  // namespace lathe::ops
