#include "ops/value_gate.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {
namespace {

void check(const Tensor& e, const Tensor& gate) {
  require_activation("[value_gate]", e);
  require(e.rank() == 2 && gate.rank() == 2 && gate.dim(0) == e.dim(0) && gate.dim(1) > 0 && e.dim(1) % gate.dim(1) == 0,
          "[value_gate] e ", e.shape(), " does not split into the heads of gate ", gate.shape());
  require_tensor("[value_gate]", "gate", gate, gate.shape(), e.dtype());
}

}  // namespace

Tensor value_gate(Context& ctx, const Tensor& v, const Tensor& e, const Tensor& gate, float scale) {
  check(e, gate);
  require_tensor("[value_gate]", "v", v, e.shape(), e.dtype());
  Tensor y = ctx.empty_like(v);
  const Timed timed(ctx, "value_gate", 2 * static_cast<double>(v.elements()), bytes_of(v, e, y));
  if (!ctx.meta()) kernels_of(ctx.device()).value_gate(v, e, gate, scale, y);
  return y;
}

void value_gate_backward(Context& ctx, const Tensor& dy, const Tensor& e, const Tensor& gate, float scale, const Tensor& de,
                         const Tensor& dgate) {
  check(e, gate);
  require_tensor("[value_gate]", "dy", dy, e.shape(), e.dtype());
  require_tensor("[value_gate]", "de", de, e.shape(), e.dtype());
  require_tensor("[value_gate]", "dgate", dgate, gate.shape(), e.dtype());
  const Timed timed(ctx, "value_gate_backward", 4 * static_cast<double>(dy.elements()), bytes_of(dy, e, de));
  if (!ctx.meta()) kernels_of(ctx.device()).value_gate_backward(dy, e, gate, scale, de, dgate);
}

}  // namespace lathe::ops
