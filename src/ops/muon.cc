#include "ops/muon.h"

#include <algorithm>

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {
namespace {

// Checks that `other` goes with the matrix x.
void require_like(const char* op, const Tensor& x, const Tensor& other, DType dtype) {
  require(x && x.rank() == 2, "[", op, "] needs a matrix");
  require(other && other.elements() == x.elements() && other.dtype() == dtype, "[", op, "] needs ", x.elements(), " values of ",
          dtype_name(dtype), ", got ", other.shape(), " ", dtype_name(other.dtype()));
}

void require_matrix(const char* op, const Tensor& x) {
  require_activation(op, x);
  require(x.rank() == 2, op, " needs a matrix, got ", x.shape());
}

void require_vector(const char* op, const Tensor& v, int64_t n) {
  require(v && v.dtype() == DType::kFloat32 && v.elements() == n, "[", op, "] needs ", n, " float32 values, got ", v.shape());
}

}  // namespace

void muon_nesterov(Context& ctx, const Tensor& grad, float scale, float mu, const Tensor& momentum, const Tensor& u) {
  require_like("muon_nesterov", u, grad, DType::kFloat32);
  require_like("muon_nesterov", u, momentum, DType::kFloat32);
  const Timed timed(ctx, "muon_nesterov", 5 * static_cast<double>(u.elements()), bytes_of(grad, momentum, momentum, u));
  if (!ctx.meta()) kernels_of(ctx.device()).muon_nesterov(grad, scale, mu, momentum, u);
}

void row_sums_of_squares(Context& ctx, const Tensor& x, const Tensor& sums) {
  require_vector("row_sums_of_squares", sums, x.dim(0));
  const Timed timed(ctx, "row_sums_of_squares", 2 * static_cast<double>(x.elements()), bytes_of(x));
  if (!ctx.meta()) kernels_of(ctx.device()).row_sums_of_squares(x, sums);
}

void column_sums_of_squares(Context& ctx, const Tensor& x, const Tensor& sums) {
  require_vector("column_sums_of_squares", sums, x.dim(1));
  const Timed timed(ctx, "column_sums_of_squares", 2 * static_cast<double>(x.elements()), bytes_of(x));
  if (!ctx.meta()) kernels_of(ctx.device()).column_sums_of_squares(x, sums);
}

void divide_inplace(Context& ctx, const Tensor& x, float divisor) {
  const Timed timed(ctx, "divide", 1 * static_cast<double>(x.elements()), bytes_of(x, x));
  if (!ctx.meta()) kernels_of(ctx.device()).divide(x, divisor);
}

void scale_rows_inplace(Context& ctx, const Tensor& x, const Tensor& factors) {
  require_vector("scale_rows", factors, x.dim(0));
  const Timed timed(ctx, "scale_rows", 1 * static_cast<double>(x.elements()), bytes_of(x, x));
  if (!ctx.meta()) kernels_of(ctx.device()).scale_rows(x, factors);
}

void scaled_copy(Context& ctx, const Tensor& x, float factor, const Tensor& y) {
  require_like("scaled_copy", x, y, DType::kFloat32);
  const Timed timed(ctx, "scaled_copy", 1 * static_cast<double>(x.elements()), bytes_of(x, y));
  if (!ctx.meta()) kernels_of(ctx.device()).scaled_copy(x, factor, y);
}

void transpose(Context& ctx, const Tensor& x, const Tensor& y) {
  require_matrix("[transpose]", x);
  require_tensor("[transpose]", "y", y, {x.dim(1), x.dim(0)}, x.dtype());
  const Timed timed(ctx, "transpose", 0, bytes_of(x, y));
  if (!ctx.meta()) kernels_of(ctx.device()).transpose(x, y);
}

void multiply_by_transpose(Context& ctx, const Tensor& x, const Tensor& a) {
  constexpr int64_t kBlock = 128;  // fewer rows waste less of the diagonal's blocks, more multiply faster
  require_matrix("[multiply_by_transpose]", x);
  const int64_t side = x.dim(0);
  require_tensor("[multiply_by_transpose]", "a", a, {side, side}, x.dtype());
  if (side <= kBlock) return matmul(ctx, x, Transpose::kNo, x, Transpose::kYes, a, false);
  for (int64_t row = 0; row < side; row += kBlock) {
    const int64_t end = std::min(row + kBlock, side);
    const Tensor block = ctx.empty({end - row, end}, x.dtype());
    matmul(ctx, x.rows(row, end), Transpose::kNo, x.rows(0, end), Transpose::kYes, block, false);
    const Timed timed(ctx, "mirror", 0, bytes_of(block, block, block));
    if (!ctx.meta()) kernels_of(ctx.device()).mirror(block, a);
  }
}

void muon_polynomial(Context& ctx, const Tensor& a, const Tensor& aa, float b, float c) {
  require_like("muon_polynomial", a, aa, a.dtype());
  const Timed timed(ctx, "muon_polynomial", 3 * static_cast<double>(a.elements()), bytes_of(a, a, aa));
  if (!ctx.meta()) kernels_of(ctx.device()).muon_polynomial(a, aa, b, c);
}

void muon_combine(Context& ctx, const Tensor& x, float a, const Tensor& y) {
  require_like("muon_combine", x, y, x.dtype());
  const Timed timed(ctx, "muon_combine", 2 * static_cast<double>(x.elements()), bytes_of(x, x, y));
  if (!ctx.meta()) kernels_of(ctx.device()).muon_combine(x, a, y);
}

void muon_apply(Context& ctx, const Tensor& x, const Tensor& factors, const MuonUpdate& update, const Tensor& p,
                const Tensor& compute) {
  require_like("muon_apply", x, p, DType::kFloat32);
  require_vector("muon_apply", factors, x.dim(update.factors_by_row ? 0 : 1));
  if (compute) require_like("muon_apply", x, compute, DType::kBFloat16);
  const Timed timed(ctx, "muon_apply", 6 * static_cast<double>(x.elements()), bytes_of(x, p, p, compute));
  if (!ctx.meta()) kernels_of(ctx.device()).muon_apply(x, factors, update, p, compute);
}

}  // namespace lathe::ops
