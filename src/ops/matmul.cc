#include "ops/matmul.h"

#include <algorithm>

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {
namespace {

// The rate of a product depends on its shape up to about this side.
constexpr int64_t kSaturated = 1024;

uint64_t product_variant(int64_t m, int64_t n, int64_t k, Transpose ta, Transpose tb, bool accumulate) {
  uint64_t variant = 0;
  for (const int64_t side : {m, n, k}) variant = variant << 12 | static_cast<uint64_t>(std::min(side, kSaturated));
  return variant << 3 | static_cast<uint64_t>((ta == Transpose::kYes) << 2 | (tb == Transpose::kYes) << 1 | int{accumulate});
}

}  // namespace

void matmul(Context& ctx, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, const Tensor& c, bool accumulate) {
  require_activation("[matmul]", a);
  require(a.rank() == 2 && b.rank() == 2 && c.rank() == 2, "[matmul] operands must have two dimensions, got ", a.shape(), " ", b.shape(),
          " ", c.shape());
  const int64_t m = ta == Transpose::kYes ? a.dim(1) : a.dim(0), k = ta == Transpose::kYes ? a.dim(0) : a.dim(1);
  const int64_t bk = tb == Transpose::kYes ? b.dim(1) : b.dim(0), n = tb == Transpose::kYes ? b.dim(0) : b.dim(1);
  require(k == bk && c.dim(0) == m && c.dim(1) == n, "[matmul] (", m, ", ", k, ") times (", bk, ", ", n, ") into ", c.shape());
  require(b.dtype() == a.dtype() && (c.dtype() == DType::kFloat32 || c.dtype() == a.dtype()), "[matmul] dtypes ", dtype_name(a.dtype()),
          ", ", dtype_name(b.dtype()), " into ", dtype_name(c.dtype()));
  require(!accumulate || c.dtype() == DType::kFloat32, "[matmul] accumulating needs a float32 result");
  const Timed timed(ctx, a.dtype() == DType::kBFloat16 ? "matmul_bf16" : "matmul_fp32", 2 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
                    bytes_of(a, b, c) + (accumulate ? bytes_of(c) : 0), product_variant(m, n, k, ta, tb, accumulate));
  if (ctx.meta()) return;
  kernels_of(ctx.device()).matmul(a, ta, b, tb, c, accumulate);
}

}  // namespace lathe::ops
