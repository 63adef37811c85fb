// y = x W^T + b.  W (out, in).
#pragma once

#include "ops/context.h"

namespace lathe::ops {

// x (N, in); w (out, in); bias (out) of x's dtype or empty. Returns y (N, out) in x's dtype.
Tensor linear(Context& ctx, const Tensor& x, const Tensor& w, const Tensor& bias);

// y (N, out) += bias (out), of one dtype.
void add_bias(Context& ctx, const Tensor& y, const Tensor& bias);

// dx: overwritten, skipped when empty. dw (out, in), dbias (out): float32, added to, skipped when empty.
void linear_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& w, const Tensor& dx, const Tensor& dw,
                     const Tensor& dbias);

}  // namespace lathe::ops
