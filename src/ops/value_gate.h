// out = v + scale * sigmoid(gate) * e, one gate a token and key/value head (rows C-3.16, C-3.44).
#pragma once

#include "ops/context.h"

namespace lathe::ops {

// v, e (N, G*D); gate (N, G), all of one activation dtype. scale: 2 (seed) or 3 (newest). Returns (N, G*D).
Tensor value_gate(Context& ctx, const Tensor& v, const Tensor& e, const Tensor& gate, float scale);
// dv = dy (the caller shares it); de (N, G*D) and dgate (N, G) are overwritten.
void value_gate_backward(Context& ctx, const Tensor& dy, const Tensor& e, const Tensor& gate, float scale, const Tensor& de,
                         const Tensor& dgate);

}  // namespace lathe::ops
