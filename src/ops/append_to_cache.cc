#include "ops/append_to_cache.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {

void append_to_cache(Context& ctx, const Tensor& x, const Tensor& cache, const Tensor& starts) {
  require_activation("[append_to_cache]", x);
  require(cache.rank() == 4 && cache.dtype() == x.dtype() && x.rank() == 2 && x.dim(1) == cache.dim(1) * cache.dim(3) && x.dim(0) % cache.dim(0) == 0,
          "[append_to_cache] x ", x.shape(), " does not fit the cache ", cache.shape());
  require_tensor("[append_to_cache]", "starts", starts, {cache.dim(0)}, DType::kInt32);
  if (ctx.meta()) return;
  const int64_t t = x.dim(0) / cache.dim(0);
  for (const int32_t start : starts.span<int32_t>())
    require(start >= 0 && start + t <= cache.dim(2), "[append_to_cache] positions ", start, " to ", start + t, " exceed the capacity of ",
            cache.dim(2));
  const Timed timed(ctx, "append_to_cache", 0, 2 * bytes_of(x));
  kernels_of(ctx.device()).append_to_cache(x, cache, starts);
}

}  // namespace lathe::ops
