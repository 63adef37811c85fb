#include "ops/smear.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {
namespace {

void check(const Tensor& x, const Tensor& w, const Tensor& lambda, int64_t batch, const Tensor& first_keys) {
  require_activation("[smear]", x);
  require(x.rank() == 2 && batch > 0 && x.dim(0) % batch == 0, "[smear] x ", x.shape(), " is not ", batch, " sequences of equal length");
  require(w.rank() == 2 && w.dim(1) <= x.dim(1), "[smear] w must be (1, K) with K <= ", x.dim(1), ", got ", w.shape());
  require_tensor("[smear]", "w", w, {1, w.dim(1)}, x.dtype());
  require_tensor("[smear]", "lambda", lambda, {1}, DType::kFloat32);
  if (first_keys) require_tensor("[smear]", "first_keys", first_keys, {x.dim(0)}, DType::kInt32);
}

}  // namespace

Tensor smear(Context& ctx, const Tensor& x, const Tensor& w, const Tensor& lambda, const Tensor& previous, int64_t batch, SmearSaved* saved,
             const Tensor& first_keys) {
  check(x, w, lambda, batch, first_keys);
  require(!previous || !first_keys, "[smear] first_keys with previous rows");
  if (previous) require_tensor("[smear]", "previous", previous, {batch, x.dim(1)}, x.dtype());
  Tensor y = ctx.empty_like(x);
  if (saved) saved->gate = ctx.empty({x.dim(0)}, DType::kFloat32);
  const Timed timed(ctx, "smear", 2 * static_cast<double>(x.elements()), bytes_of(x, y));
  if (!ctx.meta()) kernels_of(ctx.device()).smear(x, w, lambda, previous, first_keys, batch, y, saved ? saved->gate : Tensor());
  return y;
}

void smear_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& w, const Tensor& lambda, int64_t batch,
                    const SmearSaved& saved, const Tensor& dx, const Tensor& dw, const Tensor& dlambda, const Tensor& first_keys) {
  check(x, w, lambda, batch, first_keys);
  require_tensor("[smear]", "dy", dy, x.shape(), x.dtype());
  require_tensor("[smear]", "saved gate", saved.gate, {x.dim(0)}, DType::kFloat32);
  require_tensor("[smear]", "dx", dx, x.shape(), x.dtype());
  require_tensor("[smear]", "dw", dw, w.shape(), DType::kFloat32);
  require_tensor("[smear]", "dlambda", dlambda, {1}, DType::kFloat32);
  require(ctx.meta() || x.elements() == 0 || dx.raw() != dy.raw(), "[smear] dx must not be dy");
  const Timed timed(ctx, "smear_backward", 5 * static_cast<double>(x.elements()), bytes_of(dy, x, dx));
  if (!ctx.meta()) kernels_of(ctx.device()).smear_backward(dy, x, w, lambda, first_keys, batch, saved.gate, dx, dw, dlambda);
}

}  // namespace lathe::ops
