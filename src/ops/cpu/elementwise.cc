// Sums, copies and conversions. No element reads another, so any split gives the same bits.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/elementwise.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include <cstring>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

template <class E>
void add_typed(T a, T b, T y) {
  const E *left = a.data<E>(), *right = b.data<E>();
  E* to = y.data<E>();
  parallel_for(a.elements(), kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR {
    for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR {
      store(hn::Add(load(left + i, part), load(right + i, part)), to + i, part);
    });
  });
}

template <class E>
void scaled_typed(T x, float factor, T y) {
  const E* from = x.data<E>();
  E* to = y.data<E>();
  const Vec by = splat(factor);
  parallel_for(x.elements(), kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR {
    for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR { store(hn::Mul(load(from + i, part), by), to + i, part); });
  });
}

template <class E>
void add_to_first_columns(T dy, T dx) {
  const int64_t narrow = dy.dim(1), wide = dx.dim(1);
  const E* from = dy.data<E>();
  E* to = dx.data<E>();
  parallel_for(dy.dim(0), row_grain(narrow), [=](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n) {
      const E* row = from + n * narrow;
      E* out = to + n * wide;
      for_vectors(0, narrow, [=](int64_t i, auto part) HWY_ATTR {
        store(hn::Add(load(out + i, part), load(row + i, part)), out + i, part);
      });
    }
  });
}

template <class From, class To>
void convert(T x, T y) {
  const From* from = x.data<From>();
  To* to = y.data<To>();
  parallel_for(x.elements(), kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR {
    for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR { store(load(from + i, part), to + i, part); });
  });
}

void add_kernel(T a, T b, T y) {
  with_activation_dtype(a.dtype(), [&](auto element) HWY_ATTR { add_typed<decltype(element)>(a, b, y); });
}

void scaled_kernel(T x, float factor, T y) {
  with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR { scaled_typed<decltype(element)>(x, factor, y); });
}

void first_columns_backward_kernel(T dy, T dx) {
  with_activation_dtype(dy.dtype(), [&](auto element) HWY_ATTR { add_to_first_columns<decltype(element)>(dy, dx); });
}

void cast_kernel(T x, T y) {
  if (x.dtype() == y.dtype())
    with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR { convert<decltype(element), decltype(element)>(x, y); });
  else if (x.dtype() == DType::kFloat32)
    convert<float, bf16>(x, y);
  else
    convert<bf16, float>(x, y);
}

void softcap_kernel(T logits, float cap) {
  float* z = logits.data<float>();
  const Vec limit = splat(cap);
  parallel_for(logits.elements(), kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR {
    for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR {
      store(hn::Mul(limit, tanh(hn::Div(load(z + i, part), limit))), z + i, part);
    });
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(add_kernel);
HWY_EXPORT(scaled_kernel);
HWY_EXPORT(first_columns_backward_kernel);
HWY_EXPORT(cast_kernel);
HWY_EXPORT(softcap_kernel);

void first_columns(T x, T y) {
  const int64_t from_row = x.dim(1) * dtype_size(x.dtype()), to_row = y.dim(1) * dtype_size(x.dtype());
  const auto* from = static_cast<const std::byte*>(x.raw());
  auto* to = static_cast<std::byte*>(y.raw());
  parallel_for(x.dim(0), row_grain(y.dim(1)), [=](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) std::memcpy(to + n * to_row, from + n * from_row, static_cast<size_t>(to_row));
  });
}

void gather_rows(T x, T rows, T y) {
  const int64_t row = x.dim(1) * dtype_size(x.dtype());
  const auto* from = static_cast<const std::byte*>(x.raw());
  auto* to = static_cast<std::byte*>(y.raw());
  const int32_t* number = rows.data<int32_t>();
  parallel_for(y.dim(0), row_grain(x.dim(1)), [=](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) std::memcpy(to + n * row, from + number[n] * row, static_cast<size_t>(row));
  });
}

void add(T a, T b, T y) { HWY_DYNAMIC_DISPATCH(add_kernel)(a, b, y); }
void scaled(T x, float factor, T y) { HWY_DYNAMIC_DISPATCH(scaled_kernel)(x, factor, y); }
void first_columns_backward(T dy, T dx) { HWY_DYNAMIC_DISPATCH(first_columns_backward_kernel)(dy, dx); }
void cast(T x, T y) { HWY_DYNAMIC_DISPATCH(cast_kernel)(x, y); }
void softcap(T logits, float cap) { HWY_DYNAMIC_DISPATCH(softcap_kernel)(logits, cap); }

}  // namespace lathe::ops::cpu
#endif
