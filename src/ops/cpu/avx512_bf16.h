// What the kernels written for AVX-512 with bf16 share. They are compiled into every x86-64 build and run only where
// has_avx512_bf16() says so; Highway 1.0 has no operation for vdpbf16ps.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/machine.h"
#include "tensor/dtype.h"

#if defined(__x86_64__)
#ifdef __clang__
#include <immintrin.h>
#else
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false alarms of g++ 12 about its own header
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#define LATHE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vbmi")))
#define LATHE_AVX512_INLINE LATHE_AVX512 __attribute__((always_inline)) inline

namespace lathe::ops::cpu {

// One processor (Cooper Lake) multiplies bf16 without permuting bytes; it goes the ways of a lesser one.
inline bool has_avx512_bf16() { return max_isa() == Isa::kAvx512Bf16 && __builtin_cpu_supports("avx512vbmi"); }

// Calls body(row, count) over rows [0, n) with constant counts, what the kernels of few rows keep in registers: as few groups of at most 8 as
// cover them, of sizes that differ by one at most. A small group costs as much reading as a large one, and leaves the multipliers waiting.
template <class Body>
void for_few_rows(int64_t n, Body&& body) {
  for (int64_t row = 0, groups = (n + 7) / 8; groups > 0; --groups) {
    const int64_t count = (n - row + groups - 1) / groups;
    [&]<int... kCounts>(std::integer_sequence<int, kCounts...>) {
      ((count == kCounts + 1 ? body(row, std::integral_constant<int, kCounts + 1>()) : void()), ...);
    }(std::make_integer_sequence<int, 8>());
    row += count;
  }
}

// sum + x[0] w[2 n] + x[1] w[2 n + 1] in lane n: `w` holds a pair for each lane, x points to one pair.
LATHE_AVX512_INLINE __m512 multiply_add(__m512 sum, __m512i w, const bf16* x) {
  int32_t pair;
  __builtin_memcpy(&pair, x, sizeof(pair));
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair)), reinterpret_cast<__m512bh>(w));
}
// sum + x[0] w[n].
LATHE_AVX512_INLINE __m512 multiply_add(__m512 sum, __m512i w, const float* x) {
  return _mm512_fmadd_ps(_mm512_set1_ps(*x), _mm512_castsi512_ps(w), sum);
}

// The first `lanes` of 16 sums to y[0], y[1], ..., float32 or rounded to bf16 as the library does.
LATHE_AVX512_INLINE void store_lanes(__m512 sum, int64_t lanes, bool to_float, void* y, int64_t at) {
  const auto mask = static_cast<__mmask16>((1u << lanes) - 1);
  if (to_float) _mm512_mask_storeu_ps(static_cast<float*>(y) + at, mask, sum);
  else _mm256_mask_storeu_epi16(static_cast<bf16*>(y) + at, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(sum)));
}

}  // namespace lathe::ops::cpu
#endif
