// Muon's elementwise parts and sums of squares. No fused multiply-adds: the reference rounds every product.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/muon.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include <algorithm>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

// The value as an element of type E would hold it.
template <class E>
HWY_INLINE Vec rounded(Vec value) {
  if constexpr (std::is_same_v<E, float>) {
    return value;
  } else {
    const Words words;
    const auto bits = hn::BitCast(words, value);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(words, 1));
    const auto up = hn::And(hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7FFF))), hn::Set(words, 0xFFFF0000u));
    return hn::IfThenElse(hn::IsNaN(value), value, hn::BitCast(kFloats, up));
  }
}

// a + weight (b - a), in the form that hits b at weight 1.
struct Lerp {
  explicit Lerp(float weight) : from_a(weight < 0.5f), factor(splat(weight < 0.5f ? weight : 1.0f - weight)) {}
  HWY_INLINE Vec operator()(Vec a, Vec b) const {
    const Vec change = hn::Mul(factor, hn::Sub(b, a));
    return from_a ? hn::Add(a, change) : hn::Sub(b, change);
  }
  bool from_a;
  Vec factor;
};

// step(i, part) over all n elements, shared out.
template <class Step>
HWY_INLINE void for_elements(int64_t n, Step step) {
  parallel_for(n, kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR { for_vectors(begin, end, step); });
}

// row(r) for all rows of x, shared out.
template <class Row>
HWY_INLINE void for_rows(T x, Row row) {
  parallel_for(x.dim(0), row_grain(x.dim(1)), [=](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t r = begin; r < end; ++r) row(r);
  });
}

void nesterov_kernel(T grad, float scale, float mu, T momentum, T u) {
  with_activation_dtype(u.dtype(), [&]<class E>(E) HWY_ATTR {
    const float* from = grad.data<float>();
    float* buffer = momentum.data<float>();
    E* out = u.data<E>();
    const Vec factor = splat(scale);
    const Lerp average(1.0f - mu), ahead(mu);
    for_elements(u.elements(), [=](int64_t i, auto part) HWY_ATTR {
      const Vec g = hn::Mul(load(from + i, part), factor);
      const Vec m = average(load(buffer + i, part), g);
      store(m, buffer + i, part);
      store(ahead(g, m), out + i, part);
    });
  });
}

void row_sums_kernel(T x, T sums) {
  with_activation_dtype(x.dtype(), [&]<class E>(E) HWY_ATTR {
    const int64_t columns = x.dim(1);
    const E* from = x.data<E>();
    float* to = sums.data<float>();
    for_rows(x, [=](int64_t row) HWY_ATTR {
      constexpr int64_t kVectors = kSumLanes / kLanes;
      Vec accumulators[kVectors];
      for (int64_t s = 0; s < kVectors; ++s) accumulators[s] = hn::Zero(kFloats);
      const E* start = from + row * columns;
      const auto add = [&](int64_t s, int64_t i, auto part) HWY_ATTR {
        const Vec v = load(start + i, part);
        accumulators[s] = hn::Add(accumulators[s], hn::Mul(v, v));
      };
      int64_t i = 0;
      for (; i + kSumLanes <= columns; i += kSumLanes)
        for (int64_t s = 0; s < kVectors; ++s) add(s, i + s * kLanes, All{});
      for (int64_t s = 0; s < kVectors && i < columns; ++s, i += kLanes) {
        if (i + kLanes <= columns)
          add(s, i, All{});
        else
          add(s, i, Part{columns - i});
      }
      alignas(64) float lanes[kSumLanes];
      for (int64_t s = 0; s < kVectors; ++s) hn::StoreU(accumulators[s], kFloats, lanes + s * kLanes);
      double sum = 0;
      for (const float lane : lanes) sum += double{lane};
      to[row] = static_cast<float>(sum);
    });
  });
}

void column_sums_kernel(T x, T sums) {
  with_activation_dtype(x.dtype(), [&]<class E>(E) HWY_ATTR {
    const int64_t rows = x.dim(0), columns = x.dim(1);
    const E* from = x.data<E>();
    float* to = sums.data<float>();
    parallel_for(columns, kSumLanes, [=](int64_t begin, int64_t end) HWY_ATTR {
      std::fill(to + begin, to + end, 0.0f);
      for (int64_t row = 0; row < rows; ++row)
        for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR {
          const Vec v = load(from + row * columns + i, part);
          store(hn::Add(load(to + i, part), hn::Mul(v, v)), to + i, part);
        });
    });
  });
}

void divide_kernel(T x, float divisor) {
  with_activation_dtype(x.dtype(), [&]<class E>(E) HWY_ATTR {
    E* data = x.data<E>();
    const Vec d = splat(divisor);
    for_elements(x.elements(), [=](int64_t i, auto part) HWY_ATTR { store(hn::Div(load(data + i, part), d), data + i, part); });
  });
}

void scale_rows_kernel(T x, T factors) {
  with_activation_dtype(x.dtype(), [&]<class E>(E) HWY_ATTR {
    const int64_t columns = x.dim(1);
    E* data = x.data<E>();
    const float* factor = factors.data<float>();
    for_rows(x, [=](int64_t row) HWY_ATTR {
      const Vec f = splat(factor[row]);
      for_vectors(row * columns, (row + 1) * columns,
                  [=](int64_t i, auto part) HWY_ATTR { store(hn::Mul(load(data + i, part), f), data + i, part); });
    });
  });
}

void scaled_copy_kernel(T x, float factor, T y) {
  with_activation_dtype(x.dtype(), [&]<class E>(E) HWY_ATTR {
    const E* from = x.data<E>();
    float* to = y.data<float>();
    const Vec f = splat(factor);
    for_elements(x.elements(), [=](int64_t i, auto part) HWY_ATTR { store(hn::Mul(load(from + i, part), f), to + i, part); });
  });
}

void polynomial_kernel(T a, T aa, float b, float c) {
  with_activation_dtype(a.dtype(), [&]<class E>(E) HWY_ATTR {
    E* first = a.data<E>();
    const E* second = aa.data<E>();
    const Vec vb = splat(b), vc = splat(c);
    for_elements(a.elements(), [=](int64_t i, auto part) HWY_ATTR {
      const Vec v = rounded<E>(hn::Mul(vb, load(first + i, part))), w = rounded<E>(hn::Mul(vc, load(second + i, part)));
      store(hn::Add(v, w), first + i, part);
    });
  });
}

void combine_kernel(T x, float a, T y) {
  with_activation_dtype(x.dtype(), [&]<class E>(E) HWY_ATTR {
    E* first = x.data<E>();
    const E* second = y.data<E>();
    const Vec va = splat(a);
    for_elements(x.elements(), [=](int64_t i, auto part) HWY_ATTR {
      store(hn::Add(rounded<E>(hn::Mul(va, load(first + i, part))), load(second + i, part)), first + i, part);
    });
  });
}

void apply_kernel(T x, T factors, const MuonUpdate& update, T p, T compute) {
  with_activation_dtype(x.dtype(), [&]<class E>(E) HWY_ATTR {
    const int64_t columns = x.dim(1);
    const E* from = x.data<E>();
    const float* factor = factors.data<float>();
    float* values = p.data<float>();
    bf16* copy = compute ? compute.data<bf16>() : nullptr;
    const bool by_row = update.factors_by_row;
    const Vec rate = splat(update.lr), decay = splat(update.decay);
    for_rows(x, [=](int64_t row) HWY_ATTR {
      const Vec of_row = splat(by_row ? factor[row] : 0.0f);
      const int64_t start = row * columns;
      for_vectors(0, columns, [=](int64_t column, auto part) HWY_ATTR {
        const int64_t i = start + column;
        const Vec f = by_row ? of_row : load(factor + column, part);
        const Vec z = rounded<E>(hn::Mul(load(from + i, part), f)), v = load(values + i, part);
        const auto agree = hn::Ge(hn::Mul(z, v), hn::Zero(kFloats));
        const Vec change = hn::Add(rounded<E>(hn::Mul(rate, z)), hn::IfThenElseZero(agree, hn::Mul(decay, v)));
        const Vec value = hn::Sub(v, change);
        store(value, values + i, part);
        if (copy) store(value, copy + i, part);
      });
    });
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(nesterov_kernel);
HWY_EXPORT(row_sums_kernel);
HWY_EXPORT(column_sums_kernel);
HWY_EXPORT(divide_kernel);
HWY_EXPORT(scale_rows_kernel);
HWY_EXPORT(scaled_copy_kernel);
HWY_EXPORT(polynomial_kernel);
HWY_EXPORT(combine_kernel);
HWY_EXPORT(apply_kernel);

void muon_nesterov(T grad, float scale, float mu, T momentum, T u) { HWY_DYNAMIC_DISPATCH(nesterov_kernel)(grad, scale, mu, momentum, u); }
void row_sums_of_squares(T x, T sums) { HWY_DYNAMIC_DISPATCH(row_sums_kernel)(x, sums); }
void column_sums_of_squares(T x, T sums) { HWY_DYNAMIC_DISPATCH(column_sums_kernel)(x, sums); }
void divide(T x, float divisor) { HWY_DYNAMIC_DISPATCH(divide_kernel)(x, divisor); }
void scale_rows(T x, T factors) { HWY_DYNAMIC_DISPATCH(scale_rows_kernel)(x, factors); }
void scaled_copy(T x, float factor, T y) { HWY_DYNAMIC_DISPATCH(scaled_copy_kernel)(x, factor, y); }
void muon_polynomial(T a, T aa, float b, float c) { HWY_DYNAMIC_DISPATCH(polynomial_kernel)(a, aa, b, c); }
void muon_combine(T x, float a, T y) { HWY_DYNAMIC_DISPATCH(combine_kernel)(x, a, y); }
void muon_apply(T x, T factors, const MuonUpdate& update, T p, T compute) {
  HWY_DYNAMIC_DISPATCH(apply_kernel)(x, factors, update, p, compute);
}

}  // namespace lathe::ops::cpu
#endif
