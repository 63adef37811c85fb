// C = op(A) op(B) [+ C]: oneDNN behind it. The K products of an element are summed in an order that does not depend on
// M, N or the number of threads (decision 17; docs/notes/001-engine.md holds the measurement).
#pragma once

#include "ops/context.h"

namespace lathe::ops {

enum class Transpose { kNo, kYes };

// A (M, K) or, transposed, stored (K, M); B (K, N) or, transposed, stored (N, K); both of one activation dtype.
// C (M, N) float32 or the dtype of A. accumulate: C += A B, rounded once.
void matmul(Context& ctx, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, const Tensor& c, bool accumulate);

}  // namespace lathe::ops
