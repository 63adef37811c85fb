#include "ops/matmul.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {

void matmul(Context& ctx, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, const Tensor& c, bool accumulate) {
  require_activation("[matmul]", a);
  require(a.rank() == 2 && b.rank() == 2 && c.rank() == 2, "[matmul] operands must have two dimensions, got ", a.shape(), " ", b.shape(),
          " ", c.shape());
  const int64_t m = ta == Transpose::kYes ? a.dim(1) : a.dim(0), k = ta == Transpose::kYes ? a.dim(0) : a.dim(1);
  const int64_t bk = tb == Transpose::kYes ? b.dim(1) : b.dim(0), n = tb == Transpose::kYes ? b.dim(0) : b.dim(1);
  require(k == bk && c.dim(0) == m && c.dim(1) == n, "[matmul] (", m, ", ", k, ") times (", bk, ", ", n, ") into ", c.shape());
  require(b.dtype() == a.dtype() && (c.dtype() == DType::kFloat32 || c.dtype() == a.dtype()), "[matmul] dtypes ", dtype_name(a.dtype()),
          ", ", dtype_name(b.dtype()), " into ", dtype_name(c.dtype()));
  const unsigned arrangement = (ta == Transpose::kYes ? 4U : 0U) | (tb == Transpose::kYes ? 2U : 0U) | (accumulate ? 1U : 0U);
  const Timed timed(ctx, a.dtype() == DType::kBFloat16 ? "matmul_bf16" : "matmul_fp32", 2 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
                    bytes_of(a, b, c) + (accumulate ? bytes_of(c) : 0), shape_variant(m, n, k, arrangement));
  if (ctx.meta()) return;
  kernels_of(ctx.device()).matmul(a, ta, b, tb, c, accumulate);
}

}  // namespace lathe::ops
