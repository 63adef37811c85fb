#include "ops/elementwise.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {
namespace {

void check_coefficient(const char* name, const MixCoefficient& c) {
  if (!c.values) return;
  require(c.values.rank() == 1 && c.values.dtype() == DType::kFloat32 && c.index >= 0 && c.index < c.values.dim(0), "[mix] ", name,
          " must be an element of a float32 vector, got element ", c.index, " of ", c.values.shape(), " ", dtype_name(c.values.dtype()));
}

void check_gradient(const char* name, const MixCoefficient& c, const Tensor& gradient) {
  if (!gradient) return;
  require(static_cast<bool>(c.values), "[mix] ", name, " of a constant was asked for");
  require_tensor("[mix]", name, gradient, c.values.shape(), DType::kFloat32);
}

void check_columns(const Tensor& wide, int64_t columns) {
  require_activation("[first_columns]", wide);
  require(wide.rank() == 2 && columns >= 0 && columns <= wide.dim(1), "[first_columns] ", columns, " columns of ", wide.shape());
}

}  // namespace

Tensor add(Context& ctx, const Tensor& a, const Tensor& b) {
  require_activation("[add]", a);
  require_tensor("[add]", "b", b, a.shape(), a.dtype());
  Tensor y = ctx.empty_like(a);
  const Timed timed(ctx, "add", 1 * static_cast<double>(a.elements()), bytes_of(a, b, y));
  if (!ctx.meta()) kernels_of(ctx.device()).add(a, b, y);
  return y;
}

void add_inplace(Context& ctx, const Tensor& a, const Tensor& b) {
  require_activation("[add]", a);
  require_tensor("[add]", "b", b, a.shape(), a.dtype());
  const Timed timed(ctx, "add", 1 * static_cast<double>(a.elements()), bytes_of(a, a, b));
  if (!ctx.meta()) kernels_of(ctx.device()).add(a, b, a);
}

Tensor scaled(Context& ctx, const Tensor& x, float factor) {
  require_activation("[scaled]", x);
  Tensor y = ctx.empty_like(x);
  const Timed timed(ctx, "scaled", 1 * static_cast<double>(x.elements()), bytes_of(x, y));
  if (!ctx.meta()) kernels_of(ctx.device()).scaled(x, factor, y);
  return y;
}

Tensor mix(Context& ctx, const Tensor& a, const MixCoefficient& alpha, const Tensor& b, const MixCoefficient& beta) {
  require_activation("[mix]", a);
  require_tensor("[mix]", "b", b, a.shape(), a.dtype());
  check_coefficient("alpha", alpha);
  check_coefficient("beta", beta);
  Tensor y = ctx.empty_like(a);
  const Timed timed(ctx, "mix", 3 * static_cast<double>(a.elements()), bytes_of(a, b, y));
  if (!ctx.meta()) kernels_of(ctx.device()).mix(a, alpha, b, beta, y);
  return y;
}

void mix_backward(Context& ctx, const Tensor& dy, const Tensor& a, const MixCoefficient& alpha, const Tensor& b,
                  const MixCoefficient& beta, const Tensor& da, const Tensor& db, const Tensor& dalpha, const Tensor& dbeta) {
  require_activation("[mix]", dy);
  check_coefficient("alpha", alpha);
  check_coefficient("beta", beta);
  check_gradient("dalpha", alpha, dalpha);
  check_gradient("dbeta", beta, dbeta);
  if (dalpha) require_tensor("[mix]", "a", a, dy.shape(), dy.dtype());
  if (dbeta) require_tensor("[mix]", "b", b, dy.shape(), dy.dtype());
  if (da) require_tensor("[mix]", "da", da, dy.shape(), dy.dtype());
  if (db) require_tensor("[mix]", "db", db, dy.shape(), dy.dtype());
  const Timed timed(ctx, "mix_backward", 6 * static_cast<double>(dy.elements()), bytes_of(dy, dalpha ? a : Tensor(), dbeta ? b : Tensor(), da, db));
  if (!ctx.meta()) kernels_of(ctx.device()).mix_backward(dy, a, alpha, b, beta, da, db, dalpha, dbeta);
}

Tensor first_columns(Context& ctx, const Tensor& x, int64_t columns) {
  check_columns(x, columns);
  Tensor y = ctx.empty({x.dim(0), columns}, x.dtype());
  const Timed timed(ctx, "first_columns", 0, 2 * bytes_of(y));
  if (!ctx.meta()) kernels_of(ctx.device()).first_columns(x, y);
  return y;
}

void first_columns_backward(Context& ctx, const Tensor& dy, const Tensor& dx) {
  require(dy.rank() == 2, "[first_columns] dy must be (N, columns), got ", dy.shape());
  check_columns(dx, dy.dim(1));
  require_tensor("[first_columns]", "dy", dy, {dx.dim(0), dy.dim(1)}, dx.dtype());
  const Timed timed(ctx, "first_columns_backward", 1 * static_cast<double>(dy.elements()), 3 * bytes_of(dy));
  if (!ctx.meta()) kernels_of(ctx.device()).first_columns_backward(dy, dx);
}

Tensor gather_rows(Context& ctx, const Tensor& x, const Tensor& rows) {
  require_activation("[gather_rows]", x);
  require(x.rank() == 2 && rows.rank() == 1, "[gather_rows] x ", x.shape(), " and rows ", rows.shape(), " must be (N, C) and (M)");
  require_indices("[gather_rows]", "rows", rows, {rows.dim(0)}, x.dim(0));
  Tensor y = ctx.empty({rows.dim(0), x.dim(1)}, x.dtype());
  const Timed timed(ctx, "gather_rows", 0, 2 * bytes_of(y));
  if (!ctx.meta()) kernels_of(ctx.device()).gather_rows(x, rows, y);
  return y;
}

void cast(Context& ctx, const Tensor& x, const Tensor& out) {
  require_activation("[cast]", x);
  require_activation("[cast]", out);
  require(x.shape() == out.shape(), "[cast] ", x.shape(), " into ", out.shape());
  const Timed timed(ctx, "cast", 0, bytes_of(x, out));
  if (!ctx.meta()) kernels_of(ctx.device()).cast(x, out);
}

void softcap_inplace(Context& ctx, const Tensor& logits, float cap) {
  require(logits && logits.dtype() == DType::kFloat32, "[softcap] logits must be float32, got ", dtype_name(logits.dtype()));
  if (cap <= 0) return;
  const Timed timed(ctx, "softcap", 3 * static_cast<double>(logits.elements()), 2 * bytes_of(logits));
  if (!ctx.meta()) kernels_of(ctx.device()).softcap(logits, cap);
}

}  // namespace lathe::ops
