// The elementwise parts of the optimizers, on float32 parameters, gradients and moments of any shape (same number of elements).
#pragma once

#include "ops/context.h"

namespace lathe::ops {

struct AdamwStep {
  float lr, beta1, beta2, eps, weight_decay;
  int64_t step;  // from 1
};
// Row C-4.4: p *= 1 - lr wd; m += (1-b1)(g-m); v += (1-b2)(g^2-v); p -= lr/(1-b1^t) * m / (sqrt(v/(1-b2^t)) + eps).
// g is multiplied by grad_scale first. compute: bf16 copy of p to refresh, or empty.
void adamw_update(Context& ctx, const Tensor& p, const Tensor& g, const Tensor& m, const Tensor& v, const AdamwStep& step,
                  float grad_scale, const Tensor& compute);

// sum of x^2 in float64 over fixed blocks, in block order.
double sum_of_squares(Context& ctx, const Tensor& x);
void scale_inplace(Context& ctx, const Tensor& x, float factor);

}  // namespace lathe::ops
