#include "ops/activation.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {

Tensor activation(Context& ctx, const Tensor& x, Activation kind) {
  require_activation("[activation]", x);
  Tensor y = ctx.empty_like(x);
  const Timed timed(ctx, "activation", 4 * static_cast<double>(x.elements()), bytes_of(x, y));
  if (!ctx.meta()) kernels_of(ctx.device()).activation(x, kind, y);
  return y;
}

void activation_backward(Context& ctx, const Tensor& dy, const Tensor& x, Activation kind, const Tensor& dx) {
  require_activation("[activation]", x);
  require_tensor("[activation]", "dy", dy, x.shape(), x.dtype());
  require_tensor("[activation]", "dx", dx, x.shape(), x.dtype());
  const Timed timed(ctx, "activation_backward", 8 * static_cast<double>(x.elements()), bytes_of(dy, x, dx));
  if (!ctx.meta()) kernels_of(ctx.device()).activation_backward(dy, x, kind, dx);
}

Tensor swiglu(Context& ctx, const Tensor& gate, const Tensor& up) {
  require_activation("[swiglu]", gate);
  require_tensor("[swiglu]", "up", up, gate.shape(), gate.dtype());
  Tensor y = ctx.empty_like(gate);
  const Timed timed(ctx, "swiglu", 5 * static_cast<double>(y.elements()), bytes_of(gate, up, y));
  if (!ctx.meta()) kernels_of(ctx.device()).swiglu(gate, up, y);
  return y;
}

void swiglu_backward(Context& ctx, const Tensor& dy, const Tensor& gate, const Tensor& up, const Tensor& dgate, const Tensor& dup) {
  require_activation("[swiglu]", gate);
  require_tensor("[swiglu]", "up", up, gate.shape(), gate.dtype());
  require_tensor("[swiglu]", "dy", dy, gate.shape(), gate.dtype());
  require_tensor("[swiglu]", "dgate", dgate, gate.shape(), gate.dtype());
  require_tensor("[swiglu]", "dup", dup, gate.shape(), gate.dtype());
  const Timed timed(ctx, "swiglu_backward", 12 * static_cast<double>(dy.elements()), bytes_of(dy, gate, up, dgate, dup));
  if (!ctx.meta()) kernels_of(ctx.device()).swiglu_backward(dy, gate, up, dgate, dup);
}

}  // namespace lathe::ops
