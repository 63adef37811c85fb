// Kernels of adapters that are small beside the products around them.
#include <cmath>

#include "core/parallel.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/dispatch.h"
#include "tensor/half.h"

namespace lathe::ops::cpu {
namespace {

// Rows that go through all products before the next ones: what lies between and the result stay in a core's cache, and
// all of it is one parallel region. A row's sums do not depend on the others of its block (decision 17).
constexpr int64_t kBlockRows = 256;

// Handles of their own, since threads must not share one: of x, and of its rows [begin, end).
Tensor handle_of(T x) { return Tensor::borrow(x.raw(), x.shape(), x.dtype()); }
Tensor block_of(T x, int64_t begin, int64_t end) {
  char* data = static_cast<char*>(x.raw()) + begin * x.dim(1) * dtype_size(x.dtype());
  return Tensor::borrow(data, {end - begin, x.dim(1)}, x.dtype());
}

// The product with the layer's own matrix: result = from * matrix, before the others.
struct Whole {
  T from, matrix;
  Transpose transpose;
};

// By blocks of rows: the whole product, where there is a matrix; to = factor * (from * first); result += to * second,
// where there is a result.
void products(const Whole& whole, T from, T first, Transpose t1, float factor, T to, T second, Transpose t2, T result) {
  const int64_t rows = from.dim(0), blocks = (rows + kBlockRows - 1) / kBlockRows;
  // Few blocks would leave threads idle, as in decoding.
  const bool apart = blocks < 2 * num_threads();
  if (whole.matrix && apart) matmul(whole.from, Transpose::kNo, whole.matrix, whole.transpose, result, false);
  parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t r0 = block * kBlockRows, r1 = std::min(rows, r0 + kBlockRows);
      const Tensor out = result ? block_of(result, r0, r1) : Tensor();
      if (whole.matrix && !apart)
        matmul(block_of(whole.from, r0, r1), Transpose::kNo, handle_of(whole.matrix), whole.transpose, out, false);
      const Tensor between = block_of(to, r0, r1);
      matmul(block_of(from, r0, r1), Transpose::kNo, handle_of(first), t1, between, false);
      if (factor != 1) scale(between, factor);
      if (result) matmul(between, Transpose::kNo, handle_of(second), t2, out, true);
    }
  });
}

}  // namespace

void low_rank(T input, T w, T x, T a, T b, float scale, T h, T y) {
  products({input, w, Transpose::kYes}, x, a, Transpose::kYes, scale, h, b, Transpose::kYes, y);
}

void low_rank_backward(T dy, T w, T a, T b, float scale, T dh, T dx) {
  products({dy, w, Transpose::kNo}, dy, b, Transpose::kNo, scale, dh, a, Transpose::kNo, dx);
}

void scale_columns(T x, T factors, T y) {
  with_activation_dtype(x.dtype(), [&](auto element) {
    using E = decltype(element);
    const int64_t columns = x.dim(1);
    const E* from = x.data<E>();
    const float* factor = factors.data<float>();
    E* to = y.data<E>();
    parallel_for(x.dim(0), row_grain(columns), [=](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n)
        for (int64_t c = 0; c < columns; ++c) to[n * columns + c] = static_cast<E>(static_cast<float>(from[n * columns + c]) * factor[c]);
    });
  });
}

void scale_columns_backward(T dy, T x, T dfactors) {
  with_activation_dtype(x.dtype(), [&](auto element) {
    using E = decltype(element);
    constexpr int64_t kColumns = 64;  // of a task: whole cache lines, and sums that stay in registers or the nearest cache
    const int64_t rows = x.dim(0), columns = x.dim(1);
    const E *left = dy.data<E>(), *right = x.data<E>();
    float* out = dfactors.data<float>();
    parallel_for((columns + kColumns - 1) / kColumns, 1, [=](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t first = block * kColumns, width = std::min(kColumns, columns - first);
        double sums[kColumns] = {};
        for (int64_t n = 0; n < rows; ++n)
          for (int64_t c = 0; c < width; ++c)
            sums[c] += double{static_cast<float>(left[n * columns + first + c])} * double{static_cast<float>(right[n * columns + first + c])};
        for (int64_t c = 0; c < width; ++c) out[first + c] += static_cast<float>(sums[c]);
      }
    });
  });
}

void adapted_row_norms(T w, T product, float scale, T norms) {
  with_activation_dtype(w.dtype(), [&](auto element) {
    using E = decltype(element);
    const int64_t columns = w.dim(1);
    const E* base = w.data<E>();
    const float* added = product.data<float>();
    float* out = norms.data<float>();
    parallel_for(w.dim(0), row_grain(columns), [=](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        double sum = 0;
        for (int64_t c = 0; c < columns; ++c) {
          const double value = double{static_cast<float>(base[n * columns + c])} + double{scale} * double{added[n * columns + c]};
          sum += value * value;
        }
        out[n] = static_cast<float>(std::sqrt(sum));
      }
    });
  });
}

void gather_columns(T x, T columns, T y) {
  with_activation_dtype(x.dtype(), [&](auto element) {
    using E = decltype(element);
    const int64_t width = x.dim(1), count = columns.dim(0);
    const E* from = x.data<E>();
    const int32_t* column = columns.data<int32_t>();
    E* to = y.data<E>();
    parallel_for(x.dim(0), row_grain(count), [=](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n)
        for (int64_t r = 0; r < count; ++r) to[n * count + r] = from[n * width + column[r]];
    });
  });
}

void dequantize(const QuantizedMatrix& w, T y) {
  with_activation_dtype(y.dtype(), [&](auto element) {
    using E = decltype(element);
    const int64_t groups = w.inputs / kQuantizedGroup, record_bytes = quantized_record_bytes(w.bits);
    const uint8_t* records = w.records.data<uint8_t>();
    E* to = y.data<E>();
    CodePlace places[kQuantizedOutputs][kQuantizedGroup];
    for (int64_t lane = 0; lane < kQuantizedOutputs; ++lane)
      for (int64_t i = 0; i < kQuantizedGroup; ++i) places[lane][i] = code_place(w.bits, lane, i);
    const auto* place = &places[0][0];
    const bool eight = w.bits == WeightBits::kEight;
    parallel_for(w.outputs, row_grain(w.inputs), [=](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const int64_t lane = n % kQuantizedOutputs;
        for (int64_t g = 0; g < groups; ++g) {
          const uint8_t* record = records + (n / kQuantizedOutputs * groups + g) * record_bytes;
          const uint8_t* scales = record + record_bytes - 2 * kQuantizedOutputs + 2 * lane;
          const float scale = half_to_float(static_cast<uint16_t>(scales[0] | scales[1] << 8));
          for (int64_t i = 0; i < kQuantizedGroup; ++i) {
            const CodePlace& at = place[lane * kQuantizedGroup + i];
            const int code = eight ? static_cast<int8_t>(record[at.byte]) : (record[at.byte] >> at.shift & 15) - 8;
            to[n * w.inputs + g * kQuantizedGroup + i] = static_cast<E>(scale * static_cast<float>(code));
          }
        }
      }
    });
  });
}

}  // namespace lathe::ops::cpu
