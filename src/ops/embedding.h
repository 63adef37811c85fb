// y[n] = table[ids[n]].
#pragma once

#include "ops/context.h"

namespace lathe::ops {

// table (V, C) activation dtype; ids (N) int32, each 0 <= id < V (checked). Returns (N, C).
Tensor embedding(Context& ctx, const Tensor& table, const Tensor& ids);
// Adds to dtable (V, C) float32: every table row sums its tokens in the order of n.
void embedding_backward(Context& ctx, const Tensor& dy, const Tensor& ids, const Tensor& dtable);

}  // namespace lathe::ops
