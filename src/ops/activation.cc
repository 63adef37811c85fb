#include "ops/activation.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {
namespace {

void check_gate(Activation kind) {
  require(kind == Activation::kSilu || kind == Activation::kGeluTanh, "[gated] only SiLU and the tanh GELU have a gated form");
}

}  // namespace

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

Tensor gated(Context& ctx, const Tensor& gate, const Tensor& up, Activation kind) {
  check_gate(kind);
  require_activation("[gated]", gate);
  require_tensor("[gated]", "up", up, gate.shape(), gate.dtype());
  Tensor y = ctx.empty_like(gate);
  const Timed timed(ctx, "gated", 5 * static_cast<double>(y.elements()), bytes_of(gate, up, y));
  if (!ctx.meta()) kernels_of(ctx.device()).gated(gate, up, kind, y);
  return y;
}

void gated_backward(Context& ctx, const Tensor& dy, const Tensor& gate, const Tensor& up, Activation kind, const Tensor& dgate,
                    const Tensor& dup) {
  check_gate(kind);
  require_activation("[gated]", gate);
  require_tensor("[gated]", "up", up, gate.shape(), gate.dtype());
  require_tensor("[gated]", "dy", dy, gate.shape(), gate.dtype());
  require_tensor("[gated]", "dgate", dgate, gate.shape(), gate.dtype());
  require_tensor("[gated]", "dup", dup, gate.shape(), gate.dtype());
  const Timed timed(ctx, "gated_backward", 12 * static_cast<double>(dy.elements()), bytes_of(dy, gate, up, dgate, dup));
  if (!ctx.meta()) kernels_of(ctx.device()).gated_backward(dy, gate, up, kind, dgate, dup);
}

}  // namespace lathe::ops
