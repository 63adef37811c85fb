// y = (x - mean) * rsqrt(var + eps) * weight [+ bias], over the last axis. Ba et al. 2016, arXiv:1607.06450.
#pragma once

#include "ops/context.h"

namespace lathe::ops {

struct LayerNormSaved {
  Tensor mean, inv_std;  // (N) float32
};

// x (N, C); weight (C), bias (C) of x's dtype; bias may be empty.
Tensor layer_norm(Context& ctx, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps, LayerNormSaved* saved);
// Overwrites dx (may alias dy); adds to dweight and dbias (float32; empty = skip).
void layer_norm_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& weight, const LayerNormSaved& saved,
                         const Tensor& dx, const Tensor& dweight, const Tensor& dbias);

}  // namespace lathe::ops
