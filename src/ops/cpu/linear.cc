// The bias of a linear layer.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/linear.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/row_sums.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

template <class E>
void add_to_rows(T y, T bias) {
  const int64_t columns = y.dim(1);
  E* out = y.data<E>();
  const E* b = bias.data<E>();
  parallel_for(y.dim(0), row_grain(columns), [=](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n) {
      E* row = out + n * columns;
      for_vectors(0, columns, [=](int64_t i, auto part) HWY_ATTR {
        store(hn::Add(load(row + i, part), load(b + i, part)), row + i, part);
      });
    }
  });
}

template <class E>
void sum_of_rows(T dy, T dbias) {
  const int64_t columns = dy.dim(1);
  const E* from = dy.data<E>();
  const RowSums sums(dy.dim(0), columns, [=](int64_t begin, int64_t end, float* partial) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n) {
      const E* row = from + n * columns;
      for_vectors(0, columns, [=](int64_t i, auto part) HWY_ATTR {
        store(hn::Add(load(partial + i, part), load(row + i, part)), partial + i, part);
      });
    }
  });
  sums.add_to(0, columns, dbias.data<float>());
}

void add_bias_kernel(T y, T bias) {
  with_activation_dtype(y.dtype(), [&](auto element) HWY_ATTR { add_to_rows<decltype(element)>(y, bias); });
}

void bias_backward_kernel(T dy, T dbias) {
  with_activation_dtype(dy.dtype(), [&](auto element) HWY_ATTR { sum_of_rows<decltype(element)>(dy, dbias); });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(add_bias_kernel);
HWY_EXPORT(bias_backward_kernel);

void add_bias(T y, T bias) { HWY_DYNAMIC_DISPATCH(add_bias_kernel)(y, bias); }
void bias_backward(T dy, T dbias) { HWY_DYNAMIC_DISPATCH(bias_backward_kernel)(dy, dbias); }

}  // namespace lathe::ops::cpu
#endif
