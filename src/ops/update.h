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

// AdamW with moments of 8 bits (after Dettmers et al. 2021, arXiv:2110.02861): the same formula on moments that are read from and
// written to codes. A block of kMomentBlock values shares one scale, its largest magnitude; a code is logarithmic, 8 steps an octave:
//   v (never negative): 0 = zero, else scale * 2^-((255 - code) / 8) with a linear mantissa of 3 bits;  so over 32 octaves
//   m: the upper bit is the sign, the lower seven are 0 = zero or the same with 127 for 255;            so over 16 octaves
// Rounding is stochastic, by bits that depend on the step and the element alone, because a moment that moves by less than half
// a step would otherwise never move. m, v (n) uint8; m_scale, v_scale (ceil(n / kMomentBlock)) float32.
inline constexpr int64_t kMomentBlock = 256;
inline int64_t moment_blocks(int64_t elements) { return (elements + kMomentBlock - 1) / kMomentBlock; }
struct Moments8 {
  Tensor m, v, m_scale, v_scale;
};
void adamw8_update(Context& ctx, const Tensor& p, const Tensor& g, const Moments8& moments, const AdamwStep& step,
                   float grad_scale, const Tensor& compute);

struct LionStep {
  float lr, beta1, beta2, weight_decay;
};
// Chen et al. 2023, arXiv:2302.06675 (row L-11.42): p *= 1 - lr wd; p -= lr sign(b1 m + (1-b1) g); m = b2 m + (1-b2) g.
// sign(0) = 0.
void lion_update(Context& ctx, const Tensor& p, const Tensor& g, const Tensor& m, const LionStep& step, float grad_scale,
                 const Tensor& compute);

// sum of x^2 in float64 over fixed blocks, in block order.
double sum_of_squares(Context& ctx, const Tensor& x);
void scale_inplace(Context& ctx, const Tensor& x, float factor);

}  // namespace lathe::ops
