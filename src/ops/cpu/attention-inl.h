// What the attention's forward and backward share: tiles of 64 rows in float32 and one matrix product over them.
// The product sums every element over k upwards with one fused multiply-add a step, whatever the tile's shape: that is
// what gives a query the same bits alone, in a prefill and in training (decision 17).
#if defined(LATHE_OPS_CPU_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LATHE_OPS_CPU_ATTENTION_INL_H_
#undef LATHE_OPS_CPU_ATTENTION_INL_H_
#else
#define LATHE_OPS_CPU_ATTENTION_INL_H_
#endif

#include <algorithm>

#include "core/rng.h"
#include "ops/attention.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {

constexpr int64_t kTile = 64;  // keys of a block, queries of a tile; a multiple of every vector length

constexpr int64_t kBand =
    16;  // rows or keys of a masked tile that are computed together; a multiple of every vector length

inline int64_t round_to_lanes(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

// Which keys of a block the rows of a tile see: row r those from offset + r - window to offset + r. Products over a
// tile that is not seen whole skip what lies outside, band by band; terms skipped are exact zeros, so the bits stay.
struct Sight {
  int64_t offset, window, rows, keys;

  static Sight all(int64_t rows, int64_t keys) { return {keys, rows + keys, rows, keys}; }
  bool whole() const { return offset >= keys - 1 && offset + rows - 1 <= window; }
  struct Range {
    int64_t begin, end;
    bool empty() const { return begin >= end; }
  };
  Range keys_of(int64_t first_row, int64_t last_row) const {
    return {std::max<int64_t>(offset + first_row - window, 0), std::min(offset + last_row + 1, keys)};
  }
  Range rows_of(int64_t first_key, int64_t last_key) const {
    return {std::max<int64_t>(first_key - offset, 0), std::min(last_key + window - offset + 1, rows)};
  }
};

// Dropout of attention weights. A row of them (sequence, head, query) has two words of its own from the generator; the word of
// key j is a bijective mix of j and them, and the weight is dropped when it lies below rate * 2^32.
class WeightDropout {
 public:
  // First numbers of rows are those of log_sum_exp (B, H, T).
  void set_row(const AttentionShape& shape, int64_t number, int64_t r) {
    const auto words = philox(static_cast<uint64_t>(number), shape.dropout_key.call, shape.dropout_key.key);
    salt_[r] = words[0], start_[r] = words[1];
  }
  static uint32_t threshold(const AttentionShape& shape) { return static_cast<uint32_t>(double{shape.dropout} * 0x1p32); }
  static float factor(const AttentionShape& shape) { return shape.dropout > 0 ? 1.0f / (1.0f - shape.dropout) : 1.0f; }

  // Which of the weights stay: of rows r .. at key j, or of keys j .. in row r.
  HWY_INLINE hn::Mask<Floats> kept_rows(int64_t r, int64_t j, uint32_t threshold) const {
    const Words words;
    return kept(hn::Load(words, salt_ + r), hn::Add(hn::Load(words, start_ + r), hn::Set(words, static_cast<uint32_t>(j))),
                threshold);
  }
  HWY_INLINE hn::Mask<Floats> kept_keys(int64_t r, int64_t j, uint32_t threshold) const {
    const Words words;
    return kept(hn::Set(words, salt_[r]), hn::Iota(words, start_[r] + static_cast<uint32_t>(j)), threshold);
  }

 private:
  using Word = hn::Vec<Words>;
  HWY_INLINE static hn::Mask<Floats> kept(Word salt, Word counter, uint32_t threshold) {
    const Words words;
    Word x = hn::Xor(hn::Mul(counter, hn::Set(words, 0x9E3779B1u)), salt);
    x = hn::Mul(hn::Xor(x, hn::ShiftRight<16>(x)), hn::Set(words, 0x7FEB352Du));
    x = hn::Mul(hn::Xor(x, hn::ShiftRight<15>(x)), hn::Set(words, 0x846CA68Bu));
    x = hn::Xor(x, hn::ShiftRight<16>(x));
    return hn::RebindMask(kFloats, hn::Not(hn::Lt(x, hn::Set(words, threshold))));
  }
  alignas(64) uint32_t salt_[kTile] = {}, start_[kTile] = {};
};

// body(begin, end) over the bands of n rows or keys.
template <class Body>
HWY_INLINE void for_bands(int64_t n, Body body) {
  for (int64_t begin = 0; begin < n; begin += kBand) body(begin, std::min(begin + kBand, n));
}

// tanh(score / cap), of which the capped score is cap times and 1 - its square the slope.
HWY_INLINE Vec capped_part(Vec score, Vec cap) { return tanh(hn::Div(score, cap)); }

// Tiles in the order first, last, second, ...: their costs grow with the position, and threads get equal ranges.
inline int64_t folded(int64_t i, int64_t n) { return i % 2 == 0 ? i / 2 : n - 1 - i / 2; }

// C rows 0 .. kRows-1 and kVectors vectors of columns, from zero or (add) from what C holds. A is (m, k) row-major or,
// transposed, stored (k, m).
template <int kRows, int kVectors, bool kTransposed>
HWY_INLINE void product_tile(const float* HWY_RESTRICT a, int64_t lda, const float* HWY_RESTRICT b, int64_t ldb,
                             float* HWY_RESTRICT c, int64_t ldc, int64_t k, bool add) {
  Vec sums[kRows][kVectors];
  HWY_UNROLL(8)
  for (int64_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (int64_t v = 0; v < kVectors; ++v)
      sums[r][v] = add ? hn::Load(kFloats, c + r * ldc + v * kLanes) : hn::Zero(kFloats);
  }
  for (int64_t i = 0; i < k; ++i) {
    Vec columns[kVectors];
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) columns[v] = hn::Load(kFloats, b + i * ldb + v * kLanes);
    HWY_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const auto row = splat(kTransposed ? a[i * lda + r] : a[r * lda + i]);
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(row, columns[v], sums[r][v]);
    }
  }
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) hn::Store(sums[r][v], kFloats, c + r * ldc + v * kLanes);
  }
}

template <int kRows, int kVectors, bool kTransposed>
HWY_INLINE void product_columns(const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc,
                                int64_t m, int64_t k, bool add) {
  const int64_t step = kTransposed ? 1 : lda;
  int64_t r = 0;
  for (; r + kRows <= m; r += kRows)
    product_tile<kRows, kVectors, kTransposed>(a + r * step, lda, b, ldb, c + r * ldc, ldc, k, add);
  for (; r < m; ++r) product_tile<1, kVectors, kTransposed>(a + r * step, lda, b, ldb, c + r * ldc, ldc, k, add);
}

// C (m, n) = A B, or += with add. n is a multiple of the vector length; B (k, n) and C start on vector boundaries.
template <bool kTransposed>
HWY_NOINLINE void product(const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t m,
                          int64_t n, int64_t k, bool add) {
  constexpr int kWideRows = HWY_TARGET <= HWY_AVX3 ? 4 : 2;  // 32 vector registers or 16
  int64_t column = 0;
  for (; column + 4 * kLanes <= n; column += 4 * kLanes)
    product_columns<kWideRows, 4, kTransposed>(a, lda, b + column, ldb, c + column, ldc, m, k, add);
  for (; column < n; column += kLanes)
    product_columns<8, 1, kTransposed>(a, lda, b + column, ldb, c + column, ldc, m, k, add);
}

// C (rows, keys) = A B of the elements seen and, to whole vectors, of some beside them; all others are left as they
// are.
HWY_INLINE void product_seen(const Sight& sight, const float* a, int64_t lda, const float* b, float* c, int64_t k) {
  if (sight.whole())
    return product<false>(a, lda, b, kTile, c, kTile, sight.rows, round_to_lanes(sight.keys), k, false);
  for_bands(sight.rows, [&](int64_t r, int64_t end) HWY_ATTR {
    const Sight::Range keys = sight.keys_of(r, end - 1);
    if (keys.empty()) return;
    const int64_t from = keys.begin / kLanes * kLanes;
    product<false>(a + r * lda, lda, b + from, kTile, c + r * kTile + from, kTile, end - r,
                   round_to_lanes(keys.end) - from, k, false);
  });
}

// The same for C (keys, rows) = A B.
HWY_INLINE void product_seen_by_keys(const Sight& sight, const float* a, int64_t lda, const float* b, float* c,
                                     int64_t k) {
  if (sight.whole())
    return product<false>(a, lda, b, kTile, c, kTile, sight.keys, round_to_lanes(sight.rows), k, false);
  for_bands(sight.keys, [&](int64_t j, int64_t end) HWY_ATTR {
    const Sight::Range rows = sight.rows_of(j, end - 1);
    if (rows.empty()) return;
    const int64_t from = rows.begin / kLanes * kLanes;
    product<false>(a + j * lda, lda, b + from, kTile, c + j * kTile + from, kTile, end - j,
                   round_to_lanes(rows.end) - from, k, false);
  });
}

// C (keys, n) += P^T B with P (rows, keys) zero where a row does not see a key.
HWY_INLINE void add_product_of_keys(const Sight& sight, const float* p, const float* b, float* c, int64_t n) {
  if (sight.whole()) return product<true>(p, kTile, b, n, c, n, sight.keys, n, sight.rows, true);
  for_bands(sight.keys, [&](int64_t j, int64_t end) HWY_ATTR {
    const Sight::Range rows = sight.rows_of(j, end - 1);
    if (rows.empty()) return;
    product<true>(p + rows.begin * kTile + j, kTile, b + rows.begin * n, n, c + j * n, n, end - j, n,
                  rows.end - rows.begin, true);
  });
}

// C (rows, n) += P B with such a P, stored (rows, keys) or, transposed, (keys, rows).
template <bool kTransposed>
HWY_INLINE void add_product_of_rows(const Sight& sight, const float* p, const float* b, float* c, int64_t n) {
  if (sight.whole()) return product<kTransposed>(p, kTile, b, n, c, n, sight.rows, n, sight.keys, true);
  for_bands(sight.rows, [&](int64_t r, int64_t end) HWY_ATTR {
    const Sight::Range keys = sight.keys_of(r, end - 1);
    if (keys.empty()) return;
    const float* from = kTransposed ? p + keys.begin * kTile + r : p + r * kTile + keys.begin;
    product<kTransposed>(from, kTile, b + keys.begin * n, n, c + r * n, n, end - r, n, keys.end - keys.begin, true);
  });
}

// One row of `width` elements as float32 times `scale`; the padding up to `padded` becomes zero.
template <class E>
HWY_INLINE void load_row(const E* from, int64_t width, int64_t padded, float scale, float* to) {
  for_vectors(0, width,
              [=](int64_t i, auto part) HWY_ATTR { store(hn::Mul(load(from + i, part), splat(scale)), to + i, part); });
  std::fill(to + width, to + padded, 0.0f);
}

template <class E>
HWY_INLINE void prefetch_row(const E* row, int64_t width) {
  constexpr int64_t kLine = 64 / int64_t{sizeof(E)};
  for (int64_t i = 0; i < width; i += kLine) __builtin_prefetch(row + i);
}

// Adding zero makes -0 positive: the terms 0 * v of masked keys must not show in the sign of a zero.
template <class E>
HWY_INLINE void store_row(const float* from, int64_t width, float scale, E* to) {
  for_vectors(0, width, [=](int64_t i, auto part) HWY_ATTR {
    store(hn::Add(hn::Mul(load(from + i, part), splat(scale)), hn::Zero(kFloats)), to + i, part);
  });
}

#if HWY_TARGET <= HWY_AVX3
// to (16, kTile) = transpose of 16 floats at each of row(0) .. row(15): within blocks of four, then the blocks among four
// vectors.
template <class Row>
HWY_INLINE void transpose_16(Row row, float* to) {
  const hn::RepartitionToWide<Floats> wide;
  Vec blocks[4][4];  // [column % 4][row / 4]: block b holds column 4 b + column % 4
  HWY_UNROLL(4)
  for (int64_t g = 0; g < 4; ++g) {
    const Vec r0 = hn::LoadU(kFloats, row(4 * g)), r1 = hn::LoadU(kFloats, row(4 * g + 1)),
              r2 = hn::LoadU(kFloats, row(4 * g + 2)), r3 = hn::LoadU(kFloats, row(4 * g + 3));
    const auto low01 = hn::BitCast(wide, hn::InterleaveLower(kFloats, r0, r1)),
               low23 = hn::BitCast(wide, hn::InterleaveLower(kFloats, r2, r3));
    const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(kFloats, r0, r1)),
               high23 = hn::BitCast(wide, hn::InterleaveUpper(kFloats, r2, r3));
    blocks[0][g] = hn::BitCast(kFloats, hn::InterleaveLower(wide, low01, low23));
    blocks[1][g] = hn::BitCast(kFloats, hn::InterleaveUpper(wide, low01, low23));
    blocks[2][g] = hn::BitCast(kFloats, hn::InterleaveLower(wide, high01, high23));
    blocks[3][g] = hn::BitCast(kFloats, hn::InterleaveUpper(wide, high01, high23));
  }
  HWY_UNROLL(4)
  for (int64_t c = 0; c < 4; ++c) {
    const Vec* x = blocks[c];
    const Vec even01 = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(x[1]), x[0]),
              odd01 = hn::OddEvenBlocks(x[1], hn::SwapAdjacentBlocks(x[0]));
    const Vec even23 = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(x[3]), x[2]),
              odd23 = hn::OddEvenBlocks(x[3], hn::SwapAdjacentBlocks(x[2]));
    hn::Store(hn::ConcatLowerLower(kFloats, even23, even01), kFloats, to + c * kTile);
    hn::Store(hn::ConcatLowerLower(kFloats, odd23, odd01), kFloats, to + (c + 4) * kTile);
    hn::Store(hn::ConcatUpperUpper(kFloats, even23, even01), kFloats, to + (c + 8) * kTile);
    hn::Store(hn::ConcatUpperUpper(kFloats, odd23, odd01), kFloats, to + (c + 12) * kTile);
  }
}
#endif

// to (columns, kTile) = transpose of from (rows <= kTile, columns; row length ld), with zeros up to a whole vector of
// rows. columns is a multiple of the vector length.
HWY_INLINE void transpose(const float* from, int64_t ld, int64_t rows, int64_t columns, float* to) {
  int64_t r = 0;
#if HWY_TARGET <= HWY_AVX3
  for (; r + 16 <= rows; r += 16)
    for (int64_t c = 0; c < columns; c += 16)
      transpose_16([=](int64_t i) { return from + (r + i) * ld + c; }, to + c * kTile + r);
#endif
  for (; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) to[c * kTile + r] = from[r * ld + c];
  const int64_t padded = round_to_lanes(rows);
  for (; r < padded; ++r)
    for (int64_t c = 0; c < columns; ++c) to[c * kTile + r] = 0;
}

}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LATHE_OPS_CPU_ATTENTION_INL_H_
