// Writes the keys or values of new positions into a cache.
#pragma once

#include "ops/context.h"

namespace lathe::ops {

// x (B*T, G*D); cache (B, G, capacity, D) of x's dtype; starts (B) int32: row b's T new positions go to starts[b] .. + T - 1
// (checked against the capacity).
void append_to_cache(Context& ctx, const Tensor& x, const Tensor& cache, const Tensor& starts);

}  // namespace lathe::ops
