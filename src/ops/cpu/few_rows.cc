// Sixteen rows of W are loaded side by side, transposed in registers, and multiplied into one accumulator per row of x:
// lane n sums output n over k upwards, bf16 by pairs (vdpbf16ps). oneDNN's order on the same instruction set: blocks of
// 512 for K <= 1024 and of 1024 beyond, each from zero, added up in order. With more than kMostStreamedRows rows two times
// sixteen rows of W are transposed into scratch first, once for all rows of x. Both take the same steps for an output.
#include "ops/cpu/few_rows.h"

#include <algorithm>

#include "core/parallel.h"
#include "ops/cpu/avx512_bf16.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/thread_scratch.h"

namespace lathe::ops::cpu {
namespace {

#if defined(__x86_64__)
constexpr int64_t kLanes = 16;             // outputs of a vector
constexpr int64_t kMostStreamedRows = 8;  // W is transposed once for every eight of them

struct Problem {
  const void *x, *w;
  void* y;
  int64_t m, n, k;
  bool to_float;  // y is float32

  int64_t block() const { return k <= 1024 ? 512 : 1024; }  // of k, summed from zero
};

// One 32-bit lane holds kStep values of k: two bf16 or one float32.
template <class E>
constexpr int64_t kStep = 4 / static_cast<int64_t>(sizeof(E));

LATHE_AVX512_INLINE void transpose(__m512i* r) {
  __m512i t[16];
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const __m512i a = _mm512_unpacklo_epi32(r[i], r[i + 1]), b = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    const __m512i c = _mm512_unpacklo_epi32(r[i + 2], r[i + 3]), d = _mm512_unpackhi_epi32(r[i + 2], r[i + 3]);
    t[i] = _mm512_unpacklo_epi64(a, c);
    t[i + 1] = _mm512_unpackhi_epi64(a, c);
    t[i + 2] = _mm512_unpacklo_epi64(b, d);
    t[i + 3] = _mm512_unpackhi_epi64(b, d);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {  // t[i + 4 q] holds columns i, i + 4, i + 8, i + 12 of rows 4 q .. 4 q + 3
    const __m512i a = _mm512_shuffle_i32x4(t[i], t[i + 4], 0x88), b = _mm512_shuffle_i32x4(t[i], t[i + 4], 0xDD);
    const __m512i c = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0x88), d = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0xDD);
    r[i] = _mm512_shuffle_i32x4(a, c, 0x88);
    r[i + 4] = _mm512_shuffle_i32x4(b, d, 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(a, c, 0xDD);
    r[i + 12] = _mm512_shuffle_i32x4(b, d, 0xDD);
  }
}

// 16 steps of k (or, masked, the last ones) of 16 rows of W; r[p] holds step p of all of them.
template <class E, bool kWhole>
LATHE_AVX512_INLINE void load_steps(const E* const* w, int64_t at, int64_t left, __m512i* r) {
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    if constexpr (kWhole) r[i] = _mm512_loadu_si512(w[i] + at);
    else if constexpr (sizeof(E) == 2) r[i] = _mm512_maskz_loadu_epi16(static_cast<__mmask32>((1ull << left) - 1), w[i] + at);
    else r[i] = _mm512_maskz_loadu_epi32(static_cast<__mmask16>((1u << left) - 1), w[i] + at);
  }
  transpose(r);
}

// Rows n .. n + 15 of W; lanes beyond the last output repeat it and are not stored.
template <class E>
LATHE_AVX512_INLINE void find_rows(const Problem& problem, int64_t n, const E** w) {
  for (int64_t i = 0; i < kLanes; ++i) w[i] = static_cast<const E*>(problem.w) + std::min(n + i, problem.n - 1) * problem.k;
}

// The processor does not see 16 rows coming: each is asked for four vectors ahead, behind its end in the next 16.
template <class E>
LATHE_AVX512_INLINE void ask_ahead(const E* const* w, int64_t k, int64_t at) {
  const int64_t ahead = at + 64 * kStep<E>, from = ahead < k ? ahead : ahead + (kLanes - 1) * k;
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) _mm_prefetch(reinterpret_cast<const char*>(w[i] + from), _MM_HINT_T0);
}

// Adds 16 steps of k (or, masked, the last ones) for 16 outputs to the sums.
template <class E, int kRows, bool kWhole>
LATHE_AVX512_INLINE void add_steps(const E* x, int64_t k, const E* const* w, int64_t at, int64_t left, __m512* sums) {
  const E* rows[kRows];
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) rows[m] = x + m * k + at;
  __m512i r[16];
  load_steps<E, kWhole>(w, at, left, r);
#pragma GCC unroll 16
  for (int p = 0; p < 16; ++p) {
    if (!kWhole && p * kStep<E> >= left) break;
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) sums[m] = multiply_add(sums[m], r[p], rows[m] + p * kStep<E>);
  }
}

// Outputs n .. n + 15 of kRows rows. `x` is padded with zeros to whole steps.
template <class E, int kRows>
LATHE_AVX512 void outputs(const Problem& problem, const E* x, int64_t x_stride, int64_t row, int64_t n) {
  constexpr int64_t kWhole = 16 * kStep<E>;  // values of k in a vector
  const int64_t k = problem.k, block = problem.block();
  const E* w[kLanes];
  find_rows(problem, n, w);
  __m512 total[kRows];
  for (int64_t begin = 0; begin < k; begin += block) {
    const int64_t end = std::min(begin + block, k);
    __m512 sums[kRows];
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) sums[m] = _mm512_setzero_ps();
    int64_t at = begin;
    for (; at + kWhole <= end; at += kWhole) {
      ask_ahead(w, k, at);
      add_steps<E, kRows, true>(x, x_stride, w, at, 0, sums);
    }
    if (at < end) add_steps<E, kRows, false>(x, x_stride, w, at, end - at, sums);
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) total[m] = begin == 0 ? sums[m] : _mm512_add_ps(total[m], sums[m]);
  }
  const int64_t lanes = std::min<int64_t>(problem.n - n, kLanes);
  for (int m = 0; m < kRows; ++m) store_lanes(total[m], lanes, problem.to_float, problem.y, (row + m) * problem.n + n);
}

// Two times 16 rows of W from n on, transposed: both vectors of step 0, of step 1, ...
template <class E>
LATHE_AVX512 void write_out(const Problem& problem, int64_t n, __m512i* steps) {
  constexpr int64_t kWhole = 16 * kStep<E>;
  for (int64_t v = 0; v < 2; ++v) {
    const E* w[kLanes];
    find_rows(problem, std::min(n + v * kLanes, problem.n - 1), w);
    __m512i r[16];
    int64_t at = 0;
    for (; at + kWhole <= problem.k; at += kWhole) {
      ask_ahead(w, problem.k, at);
      load_steps<E, true>(w, at, 0, r);
#pragma GCC unroll 16
      for (int p = 0; p < 16; ++p) _mm512_store_si512(steps + (at / kStep<E> + p) * 2 + v, r[p]);
    }
    if (at == problem.k) continue;
    load_steps<E, false>(w, at, problem.k - at, r);
    for (int p = 0; p * kStep<E> < problem.k - at; ++p) _mm512_store_si512(steps + (at / kStep<E> + p) * 2 + v, r[p]);
  }
}

// Outputs n .. n + 31 of kRows rows. Asks for the lines from `next` to `next_end` on the way, one with each step.
template <class E, int kRows>
LATHE_AVX512 void written_outputs(const Problem& problem, const E* x, int64_t x_stride, int64_t row, int64_t n, const __m512i* steps,
                                  const char*& next, const char* next_end) {
  const E* rows[kRows];
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) rows[m] = x + m * x_stride;
  __m512 total[2][kRows];
  for (int64_t begin = 0; begin < problem.k; begin += problem.block()) {
    const int64_t end = std::min(begin + problem.block(), problem.k);
    __m512 sums[2][kRows];
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) sums[0][m] = sums[1][m] = _mm512_setzero_ps();
#pragma GCC unroll 2
    for (int64_t at = begin; at < end; at += kStep<E>, steps += 2) {
      if (next < next_end) _mm_prefetch(next, _MM_HINT_T1), next += 64;
      const __m512i left = _mm512_load_si512(steps), right = _mm512_load_si512(steps + 1);
#pragma GCC unroll 8
      for (int m = 0; m < kRows; ++m) {
        sums[0][m] = multiply_add(sums[0][m], left, rows[m] + at);
        sums[1][m] = multiply_add(sums[1][m], right, rows[m] + at);
      }
    }
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
      total[0][m] = begin == 0 ? sums[0][m] : _mm512_add_ps(total[0][m], sums[0][m]);
      total[1][m] = begin == 0 ? sums[1][m] : _mm512_add_ps(total[1][m], sums[1][m]);
    }
  }
  for (int64_t v = 0; v < 2 && n + v * kLanes < problem.n; ++v) {
    const int64_t first = n + v * kLanes, lanes = std::min<int64_t>(problem.n - first, kLanes);
    for (int m = 0; m < kRows; ++m) store_lanes(total[v][m], lanes, problem.to_float, problem.y, (row + m) * problem.n + first);
  }
}

template <class E>
void streamed_outputs(const Problem& problem, const E* x, int64_t stride) {
  parallel_for((problem.n + kLanes - 1) / kLanes, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block)
      for_few_rows(problem.m, [&](int64_t row, auto count) {
        outputs<E, decltype(count)::value>(problem, x + row * stride, stride, row, block * kLanes);
      });
  });
}

template <class E>
void written_outputs(const Problem& problem, const E* x, int64_t stride) {
  constexpr int64_t kOutputs = 2 * kLanes;
  const char* w = static_cast<const char*>(problem.w);
  const int64_t row_bytes = problem.k * static_cast<int64_t>(sizeof(E));
  parallel_for((problem.n + kOutputs - 1) / kOutputs, 1, [&](int64_t begin, int64_t end) {
    thread_local ThreadScratch scratch;
    auto* steps = reinterpret_cast<__m512i*>(scratch.floats(stride / kStep<E> * kOutputs));
    for (int64_t block = begin; block < end; ++block) {
      write_out<E>(problem, block * kOutputs, steps);
      const int64_t after = (block + 1) * kOutputs;  // what this thread reads next comes while the multipliers work
      const char* next = w + after * row_bytes;
      const char* next_end = block + 1 < end ? w + std::min(after + kOutputs, problem.n) * row_bytes : next;
      for_few_rows(problem.m, [&](int64_t row, auto count) {
        written_outputs<E, decltype(count)::value>(problem, x + row * stride, stride, row, block * kOutputs, steps, next, next_end);
      });
    }
  });
}

template <class E>
void all_outputs(const Problem& problem) {
  // A copy of x whose rows end in zeros, so that the last pair of an odd K is whole.
  const int64_t stride = (problem.k + kStep<E> - 1) / kStep<E> * kStep<E>;
  const E* x = static_cast<const E*>(problem.x);
  Tensor padded;
  if (stride != problem.k) {
    padded = Tensor::zeros({problem.m, stride}, sizeof(E) == 2 ? DType::kBFloat16 : DType::kFloat32);
    for (int64_t m = 0; m < problem.m; ++m) std::copy_n(x + m * problem.k, problem.k, padded.data<E>() + m * stride);
    x = padded.data<E>();
  }
  problem.m <= kMostStreamedRows ? streamed_outputs(problem, x, stride) : written_outputs(problem, x, stride);
}

void run(T x, T w, T y) {
  const Problem problem{x.raw(), w.raw(), y.raw(), x.dim(0), w.dim(0), x.dim(1), y.dtype() == DType::kFloat32};
  x.dtype() == DType::kBFloat16 ? all_outputs<bf16>(problem) : all_outputs<float>(problem);
}

// Whether the kernel's bits are those of the library on this machine, for lengths on all sides of the blocks' borders.
bool agrees_with_library(DType dtype) {
  const auto fill = [&](T x, uint32_t state) {
    for (int64_t i = 0; i < x.elements(); ++i) {
      state = state * 1664525u + 1013904223u;
      const float value = static_cast<float>(static_cast<int32_t>(state >> 8) - (1 << 23)) * 0x1p-22f;
      if (dtype == DType::kBFloat16) x.data<bf16>()[i] = bf16(value);
      else x.data<float>()[i] = value;
    }
  };
  for (const int64_t k : {33, 384, 768, 1600, 3072}) {
    const Tensor x = Tensor::empty({24, k}, dtype), w = Tensor::empty({40, k}, dtype);
    const Tensor expected = Tensor::empty({24, 40}, DType::kFloat32);
    fill(x, 1), fill(w, 2);
    library_matmul(x, Transpose::kNo, w, Transpose::kYes, expected, false);
    for (const int64_t m : {int64_t{3}, kMostStreamedRows + 3}) {
      const Tensor y = Tensor::empty({m, 40}, DType::kFloat32);
      run(x.rows(0, m), w, y);
      if (__builtin_memcmp(y.raw(), expected.raw(), static_cast<size_t>(y.bytes())) != 0) return false;
    }
  }
  return true;
}

bool available(DType dtype) {
  if (!has_avx512_bf16()) return false;
  if (dtype == DType::kBFloat16) {
    static const bool agrees = agrees_with_library(DType::kBFloat16);
    return agrees;
  }
  static const bool agrees = agrees_with_library(DType::kFloat32);
  return agrees;
}
#endif

}  // namespace

bool few_rows_product(T x, T w, T y) {
#if defined(__x86_64__)
  if (!available(x.dtype())) return false;
  run(x, w, y);
  return true;
#else
  return false;
#endif
}

}  // namespace lathe::ops::cpu
