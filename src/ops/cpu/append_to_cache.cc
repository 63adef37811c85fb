#include <cstring>

#include "ops/cpu/cpu_kernels.h"

namespace lathe::ops::cpu {

void append_to_cache(T x, T cache, T starts) {
  const int64_t batch = cache.dim(0), t = x.dim(0) / batch;
  const int64_t row = cache.dim(2) * dtype_size(x.dtype());
  const auto* from = static_cast<const std::byte*>(x.raw());
  auto* to = static_cast<std::byte*>(cache.raw());
  for (int64_t b = 0; b < batch; ++b)
    std::memcpy(to + (b * cache.dim(1) + starts.data<int32_t>()[b]) * row, from + b * t * row, static_cast<size_t>(t * row));
}

}  // namespace lathe::ops::cpu
