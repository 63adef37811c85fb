// Two passes over a row that stays in the first-level cache. Backward, with g = scale * dy * w:
//   dx = inv * (g - x * inv^2 * mean(g * x)),   dw += sum over rows of scale * dy * x * inv.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/rms_norm.cc"
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
void forward(T x, const E* w, float weight_offset, float eps, float scale, T y, float* inv_rms) {
  const int64_t columns = x.dim(1);
  const E* from = x.data<E>();
  E* to = y.data<E>();
  parallel_for(x.dim(0), row_grain(columns), [=](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n) {
      const E* row = from + n * columns;
      E* out = to + n * columns;
      const float squares = sum(columns, [=](Vec total, int64_t i, auto part) HWY_ATTR {
        const Vec v = load(row + i, part);
        return hn::MulAdd(v, v, total);
      });
      const float inv = 1.0f / std::sqrt(squares / static_cast<float>(columns) + eps);
      if (inv_rms) inv_rms[n] = inv;
      const Vec factor = splat(inv * scale), offset = splat(weight_offset);
      if (w)
        for_vectors(0, columns, [=](int64_t i, auto part) HWY_ATTR {
          store(hn::Mul(hn::Mul(load(row + i, part), factor), hn::Add(offset, load(w + i, part))), out + i, part);
        });
      else
        for_vectors(0, columns, [=](int64_t i, auto part) HWY_ATTR { store(hn::Mul(load(row + i, part), factor), out + i, part); });
    }
  });
}

template <class E>
HWY_INLINE void backward_row(const E* dy, const E* x, const E* w, float weight_offset, float scale, float inv, int64_t columns, E* dx, float* dw) {
  const Vec offset = splat(weight_offset);
  const auto weighted = [=](int64_t i, auto part) HWY_ATTR {
    const Vec d = load(dy + i, part);
    return w ? hn::Mul(d, hn::Add(offset, load(w + i, part))) : d;
  };
  const float dot = sum(columns, [=](Vec total, int64_t i, auto part) HWY_ATTR {
    return hn::MulAdd(weighted(i, part), load(x + i, part), total);
  });
  const Vec factor = splat(scale * inv), pull = splat(scale * inv * inv * inv * (dot / static_cast<float>(columns)));
  for_vectors(0, columns, [=](int64_t i, auto part) HWY_ATTR {
    const Vec v = load(x + i, part), g = weighted(i, part);
    if (dw) store(hn::MulAdd(hn::Mul(load(dy + i, part), v), factor, load(dw + i, part)), dw + i, part);
    store(hn::NegMulAdd(v, pull, hn::Mul(g, factor)), dx + i, part);
  });
}

template <class E>
void backward(T dy, T x, const E* w, float weight_offset, float scale, const float* inv_rms, T dx, T dweight) {
  const int64_t columns = x.dim(1);
  const E *upstream = dy.data<E>(), *from = x.data<E>();
  E* to = dx.data<E>();
  const auto rows = [=](int64_t begin, int64_t end, float* dw) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n)
      backward_row(upstream + n * columns, from + n * columns, w, weight_offset, scale, inv_rms[n], columns, to + n * columns, dw);
  };
  if (dweight)
    RowSums(x.dim(0), columns, rows).add_to(0, columns, dweight.data<float>());
  else
    parallel_for(x.dim(0), row_grain(columns), [=](int64_t begin, int64_t end) { rows(begin, end, nullptr); });
}

void rms_norm_kernel(T x, T weight, float weight_offset, float eps, float scale, T y, T inv_rms) {
  with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR {
    using E = decltype(element);
    forward<E>(x, weight ? weight.data<E>() : nullptr, weight_offset, eps, scale, y, inv_rms ? inv_rms.data<float>() : nullptr);
  });
}

void rms_norm_backward_kernel(T dy, T x, T weight, float weight_offset, float scale, T inv_rms, T dx, T dweight) {
  with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR {
    using E = decltype(element);
    backward<E>(dy, x, weight ? weight.data<E>() : nullptr, weight_offset, scale, inv_rms.data<float>(), dx, dweight);
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(rms_norm_kernel);
HWY_EXPORT(rms_norm_backward_kernel);

void rms_norm(T x, T weight, float weight_offset, float eps, float scale, T y, T inv_rms) {
  HWY_DYNAMIC_DISPATCH(rms_norm_kernel)(x, weight, weight_offset, eps, scale, y, inv_rms);
}
void rms_norm_backward(T dy, T x, T weight, float weight_offset, float scale, T inv_rms, T dx, T dweight) {
  HWY_DYNAMIC_DISPATCH(rms_norm_backward_kernel)(dy, x, weight, weight_offset, scale, inv_rms, dx, dweight);
}

}  // namespace lathe::ops::cpu
#endif
