// What the CPU kernels share besides vectors: the switch over dtypes, sizes of parallel pieces, reused scratch memory and
// sums over rows.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tensor/tensor.h"

namespace lathe::ops::cpu {

// Elements a thread takes at least: below this a second thread costs more than it saves.
inline constexpr int64_t kElementGrain = 8192;
// Rows a thread takes at least, for rows of `columns` elements.
inline int64_t row_grain(int64_t columns) { return std::max<int64_t>(1, kElementGrain / std::max<int64_t>(1, columns)); }

// body(float()) or body(bf16()).
template <class Body>
inline void with_activation_dtype(DType dtype, Body&& body) {
  if (dtype == DType::kFloat32)
    body(float());
  else
    body(bf16());
}

}  // namespace lathe::ops::cpu
