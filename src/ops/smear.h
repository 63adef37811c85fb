// y[t] = x[t] + lambda * sigmoid(w . x[t][0..K-1]) * x[t-1]; y[0] = x[0] for the first position of a sequence unless
// `previous` gives its predecessor (row C-3.39, C-3.40). x[t-1] is the value before smearing. Documents packed into one
// sequence are kept apart by first_keys (row L-7.15).
#pragma once

#include "ops/context.h"

namespace lathe::ops {

struct SmearSaved {
  Tensor gate;  // (N) float32, the sigmoid
};

// x (N, C), N = batch * T rows ordered (b, t); w (1, K) activation dtype, K <= C; lambda (1) float32;
// previous (batch, C) of x's dtype or empty. first_keys as for attention (N) int32 or empty: y[t] = x[t] where
// first_keys[t] is t, too; not together with previous.
Tensor smear(Context& ctx, const Tensor& x, const Tensor& w, const Tensor& lambda, const Tensor& previous, int64_t batch, SmearSaved* saved,
             const Tensor& first_keys = Tensor());
// dx overwritten (must not alias dy); dw (1, K), dlambda (1): float32, added to.
void smear_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& w, const Tensor& lambda, int64_t batch,
                    const SmearSaved& saved, const Tensor& dx, const Tensor& dw, const Tensor& dlambda, const Tensor& first_keys = Tensor());

}  // namespace lathe::ops
