// Which instruction sets the vector kernels are compiled for: AVX-512, AVX2 and the portable fallback. A kernel file
// defines HWY_TARGET_INCLUDE (its own path), includes this, <hwy/foreach_target.h> and "ops/cpu/simd-inl.h", in this order.
#pragma once

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
