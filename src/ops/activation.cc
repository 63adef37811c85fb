#include "ops/activation.h"

#include "ops/kernels.h"

namespace lathe::ops {

Tensor activation(Context& ctx, const Tensor& x, Activation kind) {
  require_activation("[activation]", x);
  Tensor y = ctx.empty_like(x);
  if (!ctx.meta()) kernels_of(ctx.device()).activation(x, kind, y);
  return y;
}

void activation_backward(Context& ctx, const Tensor& dy, const Tensor& x, Activation kind, const Tensor& dx) {
  require_activation("[activation]", x);
  require_tensor("[activation]", "dy", dy, x.shape(), x.dtype());
  require_tensor("[activation]", "dx", dx, x.shape(), x.dtype());
  if (!ctx.meta()) kernels_of(ctx.device()).activation_backward(dy, x, kind, dx);
}

Tensor swiglu(Context& ctx, const Tensor& gate, const Tensor& up) {
  require_activation("[swiglu]", gate);
  require_tensor("[swiglu]", "up", up, gate.shape(), gate.dtype());
  Tensor y = ctx.empty_like(gate);
  if (!ctx.meta()) kernels_of(ctx.device()).swiglu(gate, up, y);
  return y;
}

void swiglu_backward(Context& ctx, const Tensor& dy, const Tensor& gate, const Tensor& up, const Tensor& dgate, const Tensor& dup) {
  require_activation("[swiglu]", gate);
  require_tensor("[swiglu]", "up", up, gate.shape(), gate.dtype());
  require_tensor("[swiglu]", "dy", dy, gate.shape(), gate.dtype());
  require_tensor("[swiglu]", "dgate", dgate, gate.shape(), gate.dtype());
  require_tensor("[swiglu]", "dup", dup, gate.shape(), gate.dtype());
  if (!ctx.meta()) kernels_of(ctx.device()).swiglu_backward(dy, gate, up, dgate, dup);
}

}  // namespace lathe::ops
