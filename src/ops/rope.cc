#include "ops/rope.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {

Tensor rope(Context& ctx, const Tensor& x, const Tensor& cosine, const Tensor& sine, const Tensor& positions, int64_t heads,
            int direction, const Tensor& out) {
  require_activation("[rope]", x);
  require(x.rank() == 2 && heads > 0 && x.dim(1) % (2 * heads) == 0, "[rope] x ", x.shape(), " does not split into ", heads,
          " heads of an even width");
  require(direction == 1 || direction == -1, "[rope] direction must be 1 or -1, got ", direction);
  require(cosine.rank() == 2, "[rope] cosine must be (positions, D / 2), got ", cosine.shape());
  const Shape table{cosine.dim(0), x.dim(1) / heads / 2};
  require_tensor("[rope]", "cosine", cosine, table, DType::kFloat32);
  require_tensor("[rope]", "sine", sine, table, DType::kFloat32);
  require_indices("[rope]", "positions", positions, {x.dim(0)}, table[0]);
  if (out) require_tensor("[rope]", "out", out, x.shape(), x.dtype());
  Tensor y = out ? out : ctx.empty_like(x);
  const Timed timed(ctx, "rope", 3 * static_cast<double>(x.elements()), bytes_of(x, y));
  if (!ctx.meta()) kernels_of(ctx.device()).rope(x, cosine, sine, positions, heads, direction, y);
  return y;
}

}  // namespace lathe::ops
