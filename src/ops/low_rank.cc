#include "ops/low_rank.h"

#include "ops/kernels.h"
#include "ops/profiler.h"
#include "ops/update.h"

namespace lathe::ops {

Tensor low_rank_down(Context& ctx, const Tensor& x, const Tensor& a, float scale) {
  require(x.rank() == 2 && a.rank() == 2 && x.dim(1) == a.dim(1), "[low_rank] x ", x.shape(), " and A ", a.shape(), " do not fit");
  Tensor h = ctx.empty({x.dim(0), a.dim(0)}, x.dtype());
  matmul(ctx, x, Transpose::kNo, a, Transpose::kYes, h, false);
  if (scale != 1) scale_inplace(ctx, h, scale);
  return h;
}

void low_rank_up(Context& ctx, const Tensor& h, const Tensor& b, const Tensor& y) {
  matmul(ctx, h, Transpose::kNo, b, Transpose::kYes, y, true);
}

void low_rank_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& h, const Tensor& a, const Tensor& b, float scale,
                       const Tensor& dx, const Tensor& da, const Tensor& db) {
  if (db) matmul(ctx, dy, Transpose::kYes, h, Transpose::kNo, db, true);
  if (!da && !dx) return;
  const Tensor dh = ctx.empty_like(h);
  matmul(ctx, dy, Transpose::kNo, b, Transpose::kNo, dh, false);
  if (scale != 1) scale_inplace(ctx, dh, scale);
  if (da) matmul(ctx, dh, Transpose::kYes, x, Transpose::kNo, da, true);
  if (dx) matmul(ctx, dh, Transpose::kNo, a, Transpose::kNo, dx, true);
}

void scale_columns(Context& ctx, const Tensor& x, const Tensor& factors, const Tensor& y) {
  require_activation("[scale_columns]", x);
  require_tensor("[scale_columns]", "y", y, x.shape(), x.dtype());
  require_tensor("[scale_columns]", "factors", factors, {x.dim(1)}, DType::kFloat32);
  const Timed timed(ctx, "scale_columns", static_cast<double>(x.elements()), bytes_of(x, y));
  if (!ctx.meta()) kernels_of(ctx.device()).scale_columns(x, factors, y);
}

void scale_columns_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& dfactors) {
  require_activation("[scale_columns]", x);
  require_tensor("[scale_columns]", "dy", dy, x.shape(), x.dtype());
  require_tensor("[scale_columns]", "dfactors", dfactors, {x.dim(1)}, DType::kFloat32);
  const Timed timed(ctx, "scale_columns_backward", 2 * static_cast<double>(x.elements()), bytes_of(x, dy));
  if (!ctx.meta()) kernels_of(ctx.device()).scale_columns_backward(dy, x, dfactors);
}

void adapted_row_norms(Context& ctx, const Tensor& w, const Tensor& product, float scale, const Tensor& norms) {
  require_activation("[adapted_row_norms]", w);
  require_tensor("[adapted_row_norms]", "product", product, w.shape(), DType::kFloat32);
  require_tensor("[adapted_row_norms]", "norms", norms, {w.dim(0)}, DType::kFloat32);
  const Timed timed(ctx, "adapted_row_norms", 4 * static_cast<double>(w.elements()), bytes_of(w, product));
  if (!ctx.meta()) kernels_of(ctx.device()).adapted_row_norms(w, product, scale, norms);
}

Tensor gather_columns(Context& ctx, const Tensor& x, const Tensor& columns) {
  require_activation("[gather_columns]", x);
  require(x.rank() == 2 && columns.rank() == 1, "[gather_columns] x ", x.shape(), " and columns ", columns.shape(), " must be (N, V) and (R)");
  require_indices("[gather_columns]", "columns", columns, {columns.dim(0)}, x.dim(1));
  Tensor y = ctx.empty({x.dim(0), columns.dim(0)}, x.dtype());
  const Timed timed(ctx, "gather_columns", 0, 2 * bytes_of(y));
  if (!ctx.meta()) kernels_of(ctx.device()).gather_columns(x, columns, y);
  return y;
}

Tensor dequantize(Context& ctx, const QuantizedMatrix& w, DType dtype) {
  Tensor y = ctx.empty({w.outputs, w.inputs}, dtype);
  const Timed timed(ctx, "dequantize", static_cast<double>(y.elements()), bytes_of(w.records, y));
  if (!ctx.meta()) kernels_of(ctx.device()).dequantize(w, y);
  return y;
}

}  // namespace lathe::ops
