// Rotary positions on the two halves of a head (not interleaved). Su et al. 2021, arXiv:2104.09864.
//   chat family (C-3.12):  y1 = x1 cos + x2 sin,  y2 = -x1 sin + x2 cos     direction = +1
//   LLaMA family:          y1 = x1 cos - x2 sin,  y2 =  x1 sin + x2 cos     direction = -1
// The backward is the same op with the other direction.
#pragma once

#include "ops/context.h"

namespace lathe::ops {

// x (N, heads * D); cosine, sine (positions, D/2) float32; positions (N) int32 row numbers of the tables (checked
// against their length). Returns (N, heads * D). May work in place: pass `out` = x, else an empty tensor.
Tensor rope(Context& ctx, const Tensor& x, const Tensor& cosine, const Tensor& sine, const Tensor& positions, int64_t heads,
            int direction, const Tensor& out);

}  // namespace lathe::ops
