// Mean, then variance around it, then the row, which stays in the first-level cache. Backward, with xh = (x - mean) * inv
// and g = dy * w:   dx = inv * (g - mean(g) - xh * mean(g * xh)),   dw += sum of dy * xh,   db += sum of dy.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/layer_norm.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include <cmath>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/row_sums.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

template <class E>
void forward(T x, const E* w, const E* b, float eps, T y, float* saved_mean, float* saved_inv) {
  const int64_t columns = x.dim(1);
  const float inv_columns = 1.0f / static_cast<float>(columns);
  const E* from = x.data<E>();
  E* to = y.data<E>();
  parallel_for(x.dim(0), row_grain(columns), [=](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n) {
      const E* row = from + n * columns;
      E* out = to + n * columns;
      const float mean = inv_columns * sum(columns, [=](Vec total, int64_t i, auto part) HWY_ATTR {
        return hn::Add(total, load(row + i, part));
      });
      const Vec center = splat(mean);
      const float squares = sum(columns, [=](Vec total, int64_t i, auto part) HWY_ATTR {
        const Vec v = keep(hn::Sub(load(row + i, part), center), part);
        return hn::MulAdd(v, v, total);
      });
      const float inv = 1.0f / std::sqrt(squares * inv_columns + eps);
      if (saved_mean) saved_mean[n] = mean, saved_inv[n] = inv;
      const Vec factor = splat(inv);
      for_vectors(0, columns, [=](int64_t i, auto part) HWY_ATTR {
        const Vec normal = hn::Mul(hn::Sub(load(row + i, part), center), factor), weighted = hn::Mul(normal, load(w + i, part));
        store(b ? hn::Add(weighted, load(b + i, part)) : weighted, out + i, part);
      });
    }
  });
}

template <class E>
HWY_INLINE void backward_row(const E* dy, const E* x, const E* w, float mean, float inv, int64_t columns, E* dx, float* dw, float* db) {
  const Vec center = splat(mean), factor = splat(inv);
  const auto normal = [=](int64_t i, auto part) HWY_ATTR { return hn::Mul(hn::Sub(load(x + i, part), center), factor); };
  const auto weighted = [=](int64_t i, auto part) HWY_ATTR { return hn::Mul(load(dy + i, part), load(w + i, part)); };
  const float inv_columns = 1.0f / static_cast<float>(columns);
  const Vec mean_g = splat(inv_columns * sum(columns, [=](Vec total, int64_t i, auto part) HWY_ATTR {
    return hn::Add(total, weighted(i, part));
  }));
  const Vec mean_gx = splat(inv_columns * sum(columns, [=](Vec total, int64_t i, auto part) HWY_ATTR {
    return hn::MulAdd(weighted(i, part), normal(i, part), total);
  }));
  for_vectors(0, columns, [=](int64_t i, auto part) HWY_ATTR {
    const Vec xh = normal(i, part), d = load(dy + i, part), g = weighted(i, part);
    if (dw) store(hn::MulAdd(d, xh, load(dw + i, part)), dw + i, part);
    if (db) store(hn::Add(load(db + i, part), d), db + i, part);
    store(hn::Mul(factor, hn::NegMulAdd(xh, mean_gx, hn::Sub(g, mean_g))), dx + i, part);
  });
}

template <class E>
void backward(T dy, T x, T weight, T mean, T inv_std, T dx, T dweight, T dbias) {
  const int64_t columns = x.dim(1);
  const E *upstream = dy.data<E>(), *from = x.data<E>(), *w = weight.data<E>();
  const float *means = mean.data<float>(), *inverses = inv_std.data<float>();
  E* to = dx.data<E>();
  const auto rows = [=](int64_t begin, int64_t end, float* dw, float* db) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n)
      backward_row(upstream + n * columns, from + n * columns, w, means[n], inverses[n], columns, to + n * columns, dw, db);
  };
  if (!dweight && !dbias) {
    parallel_for(x.dim(0), row_grain(columns), [=](int64_t begin, int64_t end) { rows(begin, end, nullptr, nullptr); });
    return;
  }
  const bool has_weight = static_cast<bool>(dweight), has_bias = static_cast<bool>(dbias);
  const RowSums sums(x.dim(0), 2 * columns, [=](int64_t begin, int64_t end, float* partial) {
    rows(begin, end, has_weight ? partial : nullptr, has_bias ? partial + columns : nullptr);
  });
  if (has_weight) sums.add_to(0, columns, dweight.data<float>());
  if (has_bias) sums.add_to(columns, columns, dbias.data<float>());
}

void layer_norm_kernel(T x, T weight, T bias, float eps, T y, T mean, T inv_std) {
  with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR {
    using E = decltype(element);
    forward<E>(x, weight.data<E>(), bias ? bias.data<E>() : nullptr, eps, y, mean ? mean.data<float>() : nullptr,
               inv_std ? inv_std.data<float>() : nullptr);
  });
}

void layer_norm_backward_kernel(T dy, T x, T weight, T mean, T inv_std, T dx, T dweight, T dbias) {
  with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR {
    backward<decltype(element)>(dy, x, weight, mean, inv_std, dx, dweight, dbias);
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(layer_norm_kernel);
HWY_EXPORT(layer_norm_backward_kernel);

void layer_norm(T x, T weight, T bias, float eps, T y, T mean, T inv_std) {
  HWY_DYNAMIC_DISPATCH(layer_norm_kernel)(x, weight, bias, eps, y, mean, inv_std);
}
void layer_norm_backward(T dy, T x, T weight, T mean, T inv_std, T dx, T dweight, T dbias) {
  HWY_DYNAMIC_DISPATCH(layer_norm_backward_kernel)(dy, x, weight, mean, inv_std, dx, dweight, dbias);
}

}  // namespace lathe::ops::cpu
#endif
