// Elements moved across the diagonal, 16 x 16 at a time, so that both sides go through whole cache lines.
#include <algorithm>
#include <cstring>

#include "core/parallel.h"
#include "ops/cpu/cpu_kernels.h"

namespace lathe::ops::cpu {
namespace {

constexpr int64_t kTile = 16;

// to[c * to_stride + r] = from[r * from_stride + c] for r in [0, rows), c in [0, columns).
template <class Word>
void turn(const Word* from, int64_t from_stride, int64_t rows, int64_t columns, Word* to, int64_t to_stride) {
  parallel_for((columns + kTile - 1) / kTile, 1, [=](int64_t begin, int64_t end) {
    const int64_t last = std::min(end * kTile, columns);
    for (int64_t c = begin * kTile; c < last; c += kTile)
      for (int64_t r = 0; r < rows; r += kTile)
        for (int64_t i = c; i < std::min(c + kTile, last); ++i)
          for (int64_t j = r; j < std::min(r + kTile, rows); ++j) to[i * to_stride + j] = from[j * from_stride + i];
  });
}

template <class Word>
void mirror_words(T block, T a) {
  const int64_t rows = block.dim(0), columns = block.dim(1), side = a.dim(1), first = columns - rows;
  const Word* from = static_cast<const Word*>(block.raw());
  Word* to = static_cast<Word*>(a.raw());
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(to + (first + r) * side, from + r * columns, static_cast<size_t>(columns) * sizeof(Word));
  turn(from, columns, rows, first, to + first, side);
}

}  // namespace

void transpose(T x, T y) {
  const int64_t rows = x.dim(0), columns = x.dim(1);
  if (x.dtype() == DType::kBFloat16)
    turn(static_cast<const uint16_t*>(x.raw()), columns, rows, columns, static_cast<uint16_t*>(y.raw()), rows);
  else
    turn(static_cast<const uint32_t*>(x.raw()), columns, rows, columns, static_cast<uint32_t*>(y.raw()), rows);
}

void mirror(T block, T a) { block.dtype() == DType::kBFloat16 ? mirror_words<uint16_t>(block, a) : mirror_words<uint32_t>(block, a); }

}  // namespace lathe::ops::cpu
