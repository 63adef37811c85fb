// The matrix product for processors where the library's keeps no fixed order of summation: below AVX-512, and for bf16
// where the processor does not multiply it (oneDNN 2.6.3 cannot multiply bf16 below AVX-512 at all).
#pragma once

#include "ops/cpu/cpu_kernels.h"

namespace lathe::ops::cpu {

// c = a b, or c += a b, with the arguments of matmul(). float32 sums of exact bf16 values; a sum runs over k upwards in
// blocks of 256, each from zero, added up in order. So a row's bits depend on that row and b alone.
void blocked_product(T a, Transpose ta, T b, Transpose tb, T c, bool accumulate);

}  // namespace lathe::ops::cpu
