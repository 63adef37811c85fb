#include "ops/embedding.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {

Tensor embedding(Context& ctx, const Tensor& table, const Tensor& ids) {
  require_activation("[embedding]", table);
  require(table.rank() == 2 && ids.rank() == 1, "[embedding] table ", table.shape(), " and ids ", ids.shape(), " must be (V, C) and (N)");
  require_indices("[embedding]", "ids", ids, {ids.dim(0)}, table.dim(0));
  Tensor y = ctx.empty({ids.dim(0), table.dim(1)}, table.dtype());
  const Timed timed(ctx, "embedding", 0, bytes_of(ids, y, y));
  if (!ctx.meta()) kernels_of(ctx.device()).embedding(table, ids, y);
  return y;
}

void embedding_backward(Context& ctx, const Tensor& dy, const Tensor& ids, const Tensor& dtable) {
  require_activation("[embedding]", dy);
  require(dy.rank() == 2 && dtable.rank() == 2, "[embedding] dy ", dy.shape(), " and dtable ", dtable.shape(), " must be (N, C) and (V, C)");
  require_tensor("[embedding]", "dtable", dtable, {dtable.dim(0), dy.dim(1)}, DType::kFloat32);
  require_indices("[embedding]", "ids", ids, {dy.dim(0)}, dtable.dim(0));
  const Timed timed(ctx, "embedding_backward", 1 * static_cast<double>(dy.elements()), bytes_of(ids, dy) + 8 * static_cast<double>(dy.elements()));
  if (!ctx.meta()) kernels_of(ctx.device()).embedding_backward(dy, ids, dtable);
}

}  // namespace lathe::ops
