#include <cstring>

#include "ops/cpu/cpu_kernels.h"

namespace lathe::ops::cpu {

void append_to_cache(T x, T cache, T starts) {
  const int64_t batch = cache.dim(0), t = x.dim(0) / batch;
  const int64_t heads = cache.dim(1), capacity = cache.dim(2), width = cache.dim(3) * dtype_size(x.dtype());
  const auto* from = static_cast<const std::byte*>(x.raw());
  auto* to = static_cast<std::byte*>(cache.raw());
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < t; ++i)
      for (int64_t g = 0; g < heads; ++g, from += width)
        std::memcpy(to + ((b * heads + g) * capacity + starts.data<int32_t>()[b] + i) * width, from, static_cast<size_t>(width));
}

}  // namespace lathe::ops::cpu
