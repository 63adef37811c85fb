// y = scale * x * rsqrt(mean(x^2) + eps) [* (weight_offset + weight)], over the last axis. Zhang & Sennrich 2019, arXiv:1910.07467.
// Rows C-3.5, C-3.42, L-11.24.
#pragma once

#include "ops/context.h"

namespace lathe::ops {

struct RmsNormSaved {
  Tensor inv_rms;  // (N) float32
};

// x (N, C); weight (C) of x's dtype, or empty. weight_offset: 1 where the weights are kept as the difference from one
// (Gemma), added in float32. `saved` may be null when no backward will follow.
Tensor rms_norm(Context& ctx, const Tensor& x, const Tensor& weight, float eps, float scale, RmsNormSaved* saved,
                float weight_offset = 0);
// Overwrites dx (may alias dy); adds to dweight (float32; empty = skip).
void rms_norm_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& weight, float scale,
                       const RmsNormSaved& saved, const Tensor& dx, const Tensor& dweight, float weight_offset = 0);

}  // namespace lathe::ops
