// Pointwise activations of the MLPs.
#pragma once

#include "ops/context.h"

namespace lathe::ops {

enum class Activation {
  kReluSquared,  // max(x, 0)^2 (row C-3.9)
  kGelu,         // x * Phi(x), exact (erf)
  kGeluTanh,     // the tanh form (GPT-2's gelu_new)
  kSilu,
};

Tensor activation(Context& ctx, const Tensor& x, Activation kind);
// dx may alias dy.
void activation_backward(Context& ctx, const Tensor& dy, const Tensor& x, Activation kind, const Tensor& dx);

// y = f(gate) * up (Shazeer 2020, arXiv:2002.05202), f kSilu (SwiGLU) or kGeluTanh (GeGLU). gate, up (N, C).
Tensor gated(Context& ctx, const Tensor& gate, const Tensor& up, Activation kind);
void gated_backward(Context& ctx, const Tensor& dy, const Tensor& gate, const Tensor& up, Activation kind, const Tensor& dgate,
                    const Tensor& dup);

}  // namespace lathe::ops
