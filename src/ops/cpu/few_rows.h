// y (M, N) = x (M, K) W^T for few rows, as in decoding, where the time is that of reading W once, or twice to four times
// that. W (N, K) is read as it lies; no second, packed copy is kept.
#pragma once

#include "tensor/tensor.h"

namespace lathe::ops::cpu {

inline constexpr int64_t kMostFewRows = 128;

// Computes the product when this machine has a kernel for the dtype whose sums are in oneDNN's order (checked once, bit
// for bit, so that a row of a long product and the same row alone stay equal: decision 17). Else returns false and
// leaves y as it is. 1 <= M <= kMostFewRows; y float32 or the dtype of x and w.
bool few_rows_product(const Tensor& x, const Tensor& w, const Tensor& y);

}  // namespace lathe::ops::cpu
