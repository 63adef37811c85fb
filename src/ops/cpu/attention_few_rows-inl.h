// Attention's two products for up to four queries (decoding), straight from where keys and values lie: no copy in
// float32, keys are transposed in registers as words of 32 bits (two bf16 or one float32). Every element is summed in the
// order of product() in attention-inl.h, one fused multiply-add a step, so a query has the bits it has in a prefill.
#if defined(LATHE_OPS_CPU_ATTENTION_FEW_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LATHE_OPS_CPU_ATTENTION_FEW_ROWS_INL_H_
#undef LATHE_OPS_CPU_ATTENTION_FEW_ROWS_INL_H_
#else
#define LATHE_OPS_CPU_ATTENTION_FEW_ROWS_INL_H_
#endif

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "ops/cpu/attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {

// Positions whose keys and values are asked for ahead, a few lines with every step: all of a block at once, or leaving it
// to the processor (which stops at the end of every page), took up to a fifth longer.
constexpr int64_t kAhead = 32;

template <class E>
constexpr int64_t kInWord = 4 / int64_t{sizeof(E)};

// Calls body(begin, count) with a constant count of 4, 2 or 1 over [0, n).
template <class Body>
HWY_INLINE void in_fours(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) body(i, std::integral_constant<int, 4>());
  if (i + 2 <= n) body(i, std::integral_constant<int, 2>()), i += 2;
  if (i < n) body(i, std::integral_constant<int, 1>());
}

// Asks for position j of a block of `count`, or of the one at `next` behind it.
template <class E>
HWY_INLINE void prefetch_position(const E* block, const E* next, int64_t stride, int64_t count, int64_t j, int64_t width) {
  prefetch_row(j < count ? block + j * stride : next + (j - count) * stride, width);
}

// to (words of a key, kTile) = transpose of `count` > 0 keys of `width` elements; a key begins `stride` elements after the
// one before. Up to a whole vector of keys the last one is repeated. next: the block that comes after these.
template <class E>
HWY_INLINE void transpose_keys(const E* keys, [[maybe_unused]] const E* next, int64_t stride, int64_t count, int64_t width, float* to) {
  const int64_t words = (width + kInWord<E> - 1) / kInWord<E>, padded = round_to_lanes(count);
  const auto key = [=](int64_t j) { return keys + std::min(j, count - 1) * stride; };
  int64_t w = 0;
#if HWY_TARGET <= HWY_AVX3
  for (; w + 16 <= words && (w + 16) * kInWord<E> <= width; w += 16)
    for (int64_t j = 0; j < padded; j += 16) {
      if (w == 0)
        for (int64_t i = 0; i < 16; ++i) prefetch_position(keys, next, stride, count, j + i + kAhead, width);
      transpose_16([=](int64_t r) { return reinterpret_cast<const float*>(key(j + r)) + w; }, to + w * kTile + j);
    }
#endif
  for (; w < words; ++w) {
    const int64_t elements = std::min(kInWord<E>, width - w * kInWord<E>);
    for (int64_t j = 0; j < padded; ++j) {
      E word[kInWord<E>] = {};
      std::copy_n(key(j) + w * kInWord<E>, elements, word);
      std::memcpy(to + w * kTile + j, word, sizeof(word));
    }
  }
}

HWY_INLINE Vec first_of_word(Vec word, const float*) { return word; }
HWY_INLINE Vec first_of_word(Vec word, const bf16*) { return hn::BitCast(kFloats, hn::ShiftLeft<16>(hn::BitCast(Words(), word))); }
HWY_INLINE Vec second_of_word(Vec word) {
  return hn::BitCast(kFloats, hn::And(hn::BitCast(Words(), word), hn::Set(Words(), 0xFFFF0000u)));
}

// s (kRows, kVectors vectors of keys) = Q K^T with K as transpose_keys() left it.
template <class E, int kRows, int kVectors>
HWY_INLINE void scores_tile(const float* q, int64_t padded, const float* keys, int64_t width, float* s) {
  Vec sums[kRows][kVectors];
  HWY_UNROLL(4)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::Zero(kFloats);
  }
  for (int64_t i = 0; i < width; i += kInWord<E>, keys += kTile) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      const Vec word = hn::Load(kFloats, keys + v * kLanes), first = first_of_word(word, static_cast<const E*>(nullptr));
      HWY_UNROLL(4)
      for (int r = 0; r < kRows; ++r) sums[r][v] = hn::MulAdd(splat(q[r * padded + i]), first, sums[r][v]);
    }
    if (kInWord<E> == 1 || i + 1 == width) continue;
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      const Vec second = second_of_word(hn::Load(kFloats, keys + v * kLanes));
      HWY_UNROLL(4)
      for (int r = 0; r < kRows; ++r) sums[r][v] = hn::MulAdd(splat(q[r * padded + i + 1]), second, sums[r][v]);
    }
  }
  HWY_UNROLL(4)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) hn::Store(sums[r][v], kFloats, s + r * kTile + v * kLanes);
  }
}

// s (rows, keys up to a whole vector) = Q K^T; q (rows, padded), s with rows of kTile.
template <class E>
HWY_INLINE void scores_of_few_rows(const float* q, int64_t padded, int64_t rows, const float* keys, int64_t count, int64_t width, float* s) {
  in_fours(rows, [&](int64_t r, auto row_count) HWY_ATTR {
    in_fours(round_to_lanes(count) / kLanes, [&](int64_t v, auto vectors) HWY_ATTR {
      scores_tile<E, decltype(row_count)::value, decltype(vectors)::value>(q + r * padded, padded, keys + v * kLanes, width,
                                                                         s + r * kTile + v * kLanes);
    });
  });
}

// o (kRows, kVectors vectors) += P V over `count` keys; Extent says how much of the last vector there is.
template <int kRows, int kVectors, class E, class Extent>
HWY_INLINE void values_tile(const float* p, const E* values, const E* next, int64_t stride, int64_t count, float* o, int64_t padded, Extent extent) {
  Vec sums[kRows][kVectors];
  HWY_UNROLL(4)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::Load(kFloats, o + r * padded + v * kLanes);
  }
  for (int64_t j = 0; j < count; ++j) {
    prefetch_position(values, next, stride, count, j + kAhead, kVectors * kLanes);
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      const Vec value = load(values + j * stride + v * kLanes, extent);
      HWY_UNROLL(4)
      for (int r = 0; r < kRows; ++r) sums[r][v] = hn::MulAdd(splat(p[r * kTile + j]), value, sums[r][v]);
    }
  }
  HWY_UNROLL(4)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) hn::Store(sums[r][v], kFloats, o + r * padded + v * kLanes);
  }
}

// o (rows, padded) += P V; p (rows, keys) with rows of kTile.
template <class E>
HWY_INLINE void add_values_of_few_rows(const float* p, int64_t rows, const E* values, const E* next, int64_t stride, int64_t count, int64_t width,
                                       float* o, int64_t padded) {
  in_fours(rows, [&](int64_t r, auto row_count) HWY_ATTR {
    constexpr int kRows = decltype(row_count)::value;
    float* to = o + r * padded;
    in_fours(width / kLanes, [&](int64_t v, auto vectors) HWY_ATTR {
      values_tile<kRows, decltype(vectors)::value>(p + r * kTile, values + v * kLanes, next + v * kLanes, stride, count, to + v * kLanes, padded, All{});
    });
    if (const int64_t left = width % kLanes; left != 0)
      values_tile<kRows, 1>(p + r * kTile, values + width - left, next + width - left, stride, count, to + width - left, padded, Part{left});
  });
}

}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LATHE_OPS_CPU_ATTENTION_FEW_ROWS_INL_H_
