// Loops run over blocks of a constant length through local arrays: so the compiler sees a fixed trip count and no
// aliasing, and vectorises them at -O2. A block's bounds never change an element's value.
#include "optim/muon_kernels.h"

#include <algorithm>
#include <type_traits>

#include "core/parallel.h"

namespace lathe::optim::internal {
namespace {

constexpr int64_t kBlock = 32;
constexpr int64_t kTaskElements = 8192;  // below this a second thread costs more than it saves

// round(value) of row C-4.15 for the element type T.
template <class T>
float rounded(float value) {
  if constexpr (std::is_same_v<T, bf16>)
    return round_to_bf16(value);
  else
    return value;
}

template <class T, class Count>
void load(const T* from, float* to, Count n) {
  for (int64_t k = 0; k < n; ++k) to[k] = static_cast<float>(from[k]);
}
template <class T, class Count>
void store(const float* from, T* to, Count n) {
  for (int64_t k = 0; k < n; ++k) to[k] = T(from[k]);
}

// body(offset, count): count is a constant for all blocks but the last.
template <class Body>
void for_blocks(int64_t begin, int64_t end, Body&& body) {
  int64_t i = begin;
  for (; i + kBlock <= end; i += kBlock) body(i, std::integral_constant<int64_t, kBlock>());
  if (i < end) body(i, end - i);
}

template <class Body>
void for_elements(int64_t n, Body&& body) {
  parallel_for(n, kTaskElements, [&](int64_t begin, int64_t end) { for_blocks(begin, end, body); });
}

int64_t rows_of(const Tensor& x) { return x.dim(0); }
int64_t columns_of(const Tensor& x) { return x.dim(1); }

// body(row) for all rows, shared out.
template <class Body>
void for_rows(const Tensor& x, Body&& body) {
  parallel_for(rows_of(x), kTaskElements / std::max<int64_t>(1, columns_of(x)) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) body(row);
  });
}

bool absent(const Tensor& x) { return x.raw() == nullptr; }

// Calls body(pointer to x's elements) with their type.
template <class Body>
void with_elements(const Tensor& x, Body&& body) {
  if (absent(x)) return;
  if (x.dtype() == DType::kBFloat16)
    body(x.data<bf16>());
  else
    body(x.data<float>());
}

float lerp(float a, float b, float weight) { return weight < 0.5f ? a + weight * (b - a) : b - (b - a) * (1.0f - weight); }

}  // namespace

void nesterov(const Tensor& grad, float scale, float mu, const Tensor& momentum, const Tensor& u) {
  with_elements(u, [&]<class T>(T* out) {
    const float* from = grad.data<float>();
    float* buffer = momentum.data<float>();
    for_elements(u.elements(), [=](int64_t i, auto n) {
      float g[kBlock], m[kBlock];
      load(from + i, g, n);
      load(buffer + i, m, n);
      for (int64_t k = 0; k < n; ++k) g[k] *= scale;
      for (int64_t k = 0; k < n; ++k) m[k] = lerp(m[k], g[k], 1.0f - mu);
      for (int64_t k = 0; k < n; ++k) g[k] = lerp(g[k], m[k], mu);
      store(m, buffer + i, n);
      store(g, out + i, n);
    });
  });
}

void row_sums_of_squares(const Tensor& x, const Tensor& sums) {
  with_elements(x, [&]<class T>(const T* from) {
    const int64_t columns = columns_of(x);
    float* to = sums.data<float>();
    for_rows(x, [=](int64_t row) {
      float lanes[kBlock] = {};
      for_blocks(0, columns, [&](int64_t i, auto n) {
        float v[kBlock];
        load(from + row * columns + i, v, n);
        for (int64_t k = 0; k < n; ++k) lanes[k] += v[k] * v[k];
      });
      double sum = 0;
      for (const float lane : lanes) sum += double{lane};
      to[row] = static_cast<float>(sum);
    });
  });
}

void column_sums_of_squares(const Tensor& x, const Tensor& sums) {
  with_elements(x, [&]<class T>(const T* from) {
    const int64_t rows = rows_of(x), columns = columns_of(x);
    float* to = sums.data<float>();
    parallel_for(columns, kBlock, [=](int64_t begin, int64_t end) {
      std::fill(to + begin, to + end, 0.0f);
      for (int64_t row = 0; row < rows; ++row)
        for_blocks(begin, end, [&](int64_t i, auto n) {
          float v[kBlock], s[kBlock];
          load(from + row * columns + i, v, n);
          load(to + i, s, n);
          for (int64_t k = 0; k < n; ++k) s[k] += v[k] * v[k];
          store(s, to + i, n);
        });
    });
  });
}

double total(const Tensor& sums) {
  double sum = 0;
  if (!absent(sums))
    for (const float value : sums.span<float>()) sum += double{value};
  return sum;
}

void divide(const Tensor& x, float divisor) {
  with_elements(x, [&]<class T>(T* data) {
    for_elements(x.elements(), [=](int64_t i, auto n) {
      float v[kBlock];
      load(data + i, v, n);
      for (int64_t k = 0; k < n; ++k) v[k] /= divisor;
      store(v, data + i, n);
    });
  });
}

void scale_rows(const Tensor& x, const Tensor& factors) {
  with_elements(x, [&]<class T>(T* data) {
    const int64_t columns = columns_of(x);
    const float* factor = factors.data<float>();
    for_rows(x, [=](int64_t row) {
      const float f = factor[row];
      for_blocks(row * columns, (row + 1) * columns, [=](int64_t i, auto n) {
        float v[kBlock];
        load(data + i, v, n);
        for (int64_t k = 0; k < n; ++k) v[k] *= f;
        store(v, data + i, n);
      });
    });
  });
}

void scaled_copy(const Tensor& x, float factor, const Tensor& y) {
  with_elements(x, [&]<class T>(const T* from) {
    float* to = y.data<float>();
    for_elements(x.elements(), [=](int64_t i, auto n) {
      float v[kBlock];
      load(from + i, v, n);
      for (int64_t k = 0; k < n; ++k) v[k] *= factor;
      store(v, to + i, n);
    });
  });
}

void polynomial(const Tensor& a, const Tensor& aa, float b, float c) {
  with_elements(a, [&]<class T>(T* first) {
    const T* second = aa.data<T>();
    for_elements(a.elements(), [=](int64_t i, auto n) {
      float v[kBlock], w[kBlock];
      load(first + i, v, n);
      load(second + i, w, n);
      for (int64_t k = 0; k < n; ++k) v[k] = rounded<T>(b * v[k]);
      for (int64_t k = 0; k < n; ++k) v[k] += rounded<T>(c * w[k]);
      store(v, first + i, n);
    });
  });
}

void combine(const Tensor& x, float a, const Tensor& y) {
  with_elements(x, [&]<class T>(T* first) {
    const T* second = y.data<T>();
    for_elements(x.elements(), [=](int64_t i, auto n) {
      float v[kBlock], w[kBlock];
      load(first + i, v, n);
      load(second + i, w, n);
      for (int64_t k = 0; k < n; ++k) v[k] = rounded<T>(a * v[k]);
      for (int64_t k = 0; k < n; ++k) v[k] += w[k];
      store(v, first + i, n);
    });
  });
}

void apply_update(const Tensor& x, const Tensor& factors, const MuonUpdate& update, const Tensor& p, const Tensor& compute) {
  with_elements(x, [&]<class T>(const T* from) {
    const int64_t columns = columns_of(x);
    const float* factor = factors.data<float>();
    float* values = p.data<float>();
    bf16* copy = compute ? compute.data<bf16>() : nullptr;
    for_rows(x, [=](int64_t row) {
      for_blocks(0, columns, [=](int64_t column, auto n) {
        const int64_t i = row * columns + column;
        float z[kBlock], f[kBlock], v[kBlock], change[kBlock];
        load(from + i, z, n);
        load(values + i, v, n);
        if (update.factors_by_row)
          for (int64_t k = 0; k < n; ++k) f[k] = factor[row];
        else
          load(factor + column, f, n);
        for (int64_t k = 0; k < n; ++k) z[k] = rounded<T>(z[k] * f[k]);
        for (int64_t k = 0; k < n; ++k) change[k] = rounded<T>(update.lr * z[k]);
        for (int64_t k = 0; k < n; ++k) change[k] += z[k] * v[k] >= 0 ? update.decay * v[k] : 0.0f;
        for (int64_t k = 0; k < n; ++k) v[k] -= change[k];
        store(v, values + i, n);
        if (copy) store(v, copy + i, n);
      });
    });
  });
}

}  // namespace lathe::optim::internal
