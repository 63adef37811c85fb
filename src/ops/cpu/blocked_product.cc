// A task computes one tile of C over all of K. For each block of K it copies its rows of A and columns of B into panels
// of kRows and kColumns, float32 and contiguous over k, whatever their layout and dtype were; the kernel keeps a
// kRows x kColumns piece of the tile in registers (Goto and van de Geijn 2008, without their packing shared by threads:
// tasks stay independent, so neither the order nor the threads matter to an element).
#include "ops/cpu/blocked_product.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/blocked_product.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/simd-inl.h"
#include "ops/cpu/thread_scratch.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kRows = 6, kColumns = 2 * kLanes, kBlock = 256;
constexpr int64_t kTileRows = 192, kTileColumns = 512;  // multiples of every kRows, kColumns; a tile's panels fit the second cache

// A matrix as the product sees it: element (outer, k), where outer counts rows of A or columns of B.
template <class E>
struct Side {
  const E* data;
  int64_t outer_stride, k_stride;  // one of them is 1
};

// Elements first .. first + count - 1 by k_begin .. k_begin + depth - 1 as [panel][k][width], zero beyond `count`.
template <class E>
void pack(const Side<E>& side, int64_t first, int64_t count, int64_t k_begin, int64_t depth, int64_t width, float* out) {
  for (int64_t begin = 0; begin < count; begin += width, out += width * depth) {
    const int64_t inside = std::min(width, count - begin);
    const E* from = side.data + (first + begin) * side.outer_stride + k_begin * side.k_stride;
    if (inside < width) std::fill_n(out, width * depth, 0.0f);
    if (side.outer_stride == 1) {
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t i = 0; i < inside; ++i) out[k * width + i] = static_cast<float>(from[k * side.k_stride + i]);
    } else {
      for (int64_t i = 0; i < inside; ++i)
        for (int64_t k = 0; k < depth; ++k) out[k * width + i] = static_cast<float>(from[i * side.outer_stride + k]);
    }
  }
}

// kRows x kColumns of the tile from one panel of A and one of B.
void multiply_panels(const float* a, const float* b, int64_t depth, bool first, float* tile, int64_t stride) {
  Vec low[kRows], high[kRows];
#pragma GCC unroll 6
  for (int64_t i = 0; i < kRows; ++i) low[i] = high[i] = hn::Zero(kFloats);
  for (int64_t k = 0; k < depth; ++k, a += kRows, b += kColumns) {
    const Vec b_low = hn::LoadU(kFloats, b), b_high = hn::LoadU(kFloats, b + kLanes);
#pragma GCC unroll 6
    for (int64_t i = 0; i < kRows; ++i) {
      const Vec factor = splat(a[i]);
      low[i] = hn::MulAdd(factor, b_low, low[i]);
      high[i] = hn::MulAdd(factor, b_high, high[i]);
    }
  }
#pragma GCC unroll 6
  for (int64_t i = 0; i < kRows; ++i, tile += stride) {
    if (!first) {
      low[i] = hn::Add(hn::LoadU(kFloats, tile), low[i]);
      high[i] = hn::Add(hn::LoadU(kFloats, tile + kLanes), high[i]);
    }
    hn::StoreU(low[i], kFloats, tile);
    hn::StoreU(high[i], kFloats, tile + kLanes);
  }
}

template <class Out>
void write_row(const float* from, int64_t count, bool accumulate, Out* to) {
  for_vectors(0, count, [=](int64_t i, auto part) HWY_ATTR {
    const Vec value = load(from + i, part);
    store(accumulate ? hn::Add(load(to + i, part), value) : value, to + i, part);
  });
}

int64_t rounded_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

template <class E>
void product(const Side<E>& a, const Side<E>& b, int64_t m, int64_t n, int64_t depth, T c, bool accumulate) {
  int64_t rows = std::min(kTileRows, rounded_up(m, kRows)), columns = std::min(kTileColumns, rounded_up(n, kColumns));
  const auto tiles = [&] { return ((m + rows - 1) / rows) * ((n + columns - 1) / columns); };
  while (tiles() < 2 * num_threads() && columns > 2 * kColumns) columns = rounded_up(columns / 2, kColumns);
  const int64_t across = (n + columns - 1) / columns;
  parallel_for(tiles(), 1, [&](int64_t begin, int64_t end) HWY_ATTR {
    static thread_local ThreadScratch scratch;
    ScratchParts parts(scratch.floats(rows * kBlock + columns * kBlock + rows * columns));
    float* packed_a = parts.take(rows * kBlock);
    float* packed_b = parts.take(columns * kBlock);
    float* tile = parts.take(rows * columns);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t m0 = t / across * rows, n0 = t % across * columns;
      const int64_t height = std::min(rows, m - m0), width = std::min(columns, n - n0);
      for (int64_t k0 = 0; k0 < depth; k0 += kBlock) {
        const int64_t block = std::min(kBlock, depth - k0);
        pack(a, m0, height, k0, block, kRows, packed_a);
        pack(b, n0, width, k0, block, kColumns, packed_b);
        for (int64_t j = 0; j < width; j += kColumns)
          for (int64_t i = 0; i < height; i += kRows)
            multiply_panels(packed_a + i * block, packed_b + j * block, block, k0 == 0, tile + i * columns + j, columns);
      }
      for (int64_t i = 0; i < height; ++i) {
        const int64_t at = (m0 + i) * n + n0;
        if (c.dtype() == DType::kFloat32) write_row(tile + i * columns, width, accumulate, c.data<float>() + at);
        else write_row(tile + i * columns, width, accumulate, c.data<bf16>() + at);
      }
    }
  });
}

void blocked_product_kernel(T a, Transpose ta, T b, Transpose tb, T c, bool accumulate) {
  const bool columns_first = ta == Transpose::kYes, rows_first = tb == Transpose::kYes;
  const int64_t m = c.dim(0), n = c.dim(1), k = columns_first ? a.dim(0) : a.dim(1);
  with_activation_dtype(a.dtype(), [&](auto element) HWY_ATTR {
    using E = decltype(element);
    const Side<E> left{a.data<E>(), columns_first ? 1 : k, columns_first ? m : 1};
    const Side<E> right{b.data<E>(), rows_first ? k : 1, rows_first ? 1 : n};
    product(left, right, m, n, k, c, accumulate);
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(blocked_product_kernel);

void blocked_product(T a, Transpose ta, T b, Transpose tb, T c, bool accumulate) {
  HWY_DYNAMIC_DISPATCH(blocked_product_kernel)(a, ta, b, tb, c, accumulate);
}

}  // namespace lathe::ops::cpu
#endif
