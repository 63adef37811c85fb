#include "ops/low_rank.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {

namespace {

const char* name_of(DType dtype) { return dtype == DType::kBFloat16 ? "low_rank_bf16" : "low_rank_fp32"; }

// Of a product of (rows, k) by (k, columns).
double flops_of(int64_t rows, int64_t k, int64_t columns) {
  return 2 * static_cast<double>(rows) * static_cast<double>(k) * static_cast<double>(columns);
}

}  // namespace

Tensor low_rank(Context& ctx, const Tensor& x, const Tensor& a, const Tensor& b, float scale, const Tensor& y,
                const Tensor& input, const Tensor& w) {
  require_activation("[low_rank]", x);
  require(x.rank() == 2 && a.rank() == 2 && x.dim(1) == a.dim(1), "[low_rank] x ", x.shape(), " and A ", a.shape(), " do not fit");
  require_tensor("[low_rank]", "A", a, a.shape(), x.dtype());
  require_tensor("[low_rank]", "B", b, {b.dim(0), a.dim(0)}, x.dtype());
  if (y) require_tensor("[low_rank]", "y", y, {x.dim(0), b.dim(0)}, x.dtype());
  Tensor h = ctx.empty({x.dim(0), a.dim(0)}, x.dtype());
  if (w) {
    require_tensor("[low_rank]", "W", w, {b.dim(0), a.dim(1)}, x.dtype());
    require_tensor("[low_rank]", "input", input, x.shape(), x.dtype());
    require(bool(y), "[low_rank] W needs y");
  }
  const int64_t rows = x.dim(0), in = a.dim(1), out = b.dim(0), r = a.dim(0);
  const Timed timed(ctx, name_of(x.dtype()),
                    flops_of(rows, in, r) + (y ? flops_of(rows, r, out) : 0) + (w ? flops_of(rows, in, out) : 0),
                    bytes_of(x, w, a, b, h, y) + (w ? 0 : bytes_of(y)), shape_variant(rows, in, out, w ? 2 : 0));
  if (!ctx.meta()) kernels_of(ctx.device()).low_rank(input, w, x, a, b, scale, h, y);
  return h;
}

void low_rank_backward(Context& ctx, const Tensor& dy, const Tensor& x, const Tensor& h, const Tensor& a, const Tensor& b, float scale,
                       const Tensor& dx, const Tensor& da, const Tensor& db, const Tensor& w) {
  require_tensor("[low_rank]", "dy", dy, {x.dim(0), b.dim(0)}, x.dtype());
  if (dx) require_tensor("[low_rank]", "dx", dx, x.shape(), x.dtype());
  if (w) {
    require_tensor("[low_rank]", "W", w, {b.dim(0), a.dim(1)}, x.dtype());
    require(bool(dx), "[low_rank] W needs dx");
  }
  if (db) matmul(ctx, dy, Transpose::kYes, h, Transpose::kNo, db, true);
  if (!da && !dx) return;
  const Tensor dh = ctx.empty_like(h);
  {
    const int64_t rows = x.dim(0), in = a.dim(1), out = b.dim(0), r = a.dim(0);
    const Timed timed(ctx, name_of(x.dtype()),
                      flops_of(rows, out, r) + (dx ? flops_of(rows, r, in) : 0) + (w ? flops_of(rows, out, in) : 0),
                      bytes_of(dy, w, a, b, dh, dx) + (w ? 0 : bytes_of(dx)), shape_variant(rows, out, in, w ? 3 : 1));
    if (!ctx.meta()) kernels_of(ctx.device()).low_rank_backward(dy, w, a, b, scale, dh, dx);
  }
  if (da) matmul(ctx, dh, Transpose::kYes, x, Transpose::kNo, da, true);
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
