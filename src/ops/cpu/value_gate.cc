// One gate for each row and key/value head. Backward, with s = sigmoid(gate):
//   de = scale s dy,   dgate = scale s (1 - s) sum over the head of dy e.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/value_gate.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

template <class E>
void forward(T v, T e, T gate, float scale, T y) {
  const int64_t heads = gate.dim(1), columns = v.dim(1), width = columns / heads;
  const E *values = v.data<E>(), *extra = e.data<E>(), *gates = gate.data<E>();
  E* to = y.data<E>();
  parallel_for(v.dim(0) * heads, row_grain(width), [=](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n) {
      const Vec factor = hn::Mul(splat(scale), sigmoid(splat(static_cast<float>(gates[n]))));
      for_vectors(n * width, (n + 1) * width, [=](int64_t i, auto part) HWY_ATTR {
        store(hn::MulAdd(factor, load(extra + i, part), load(values + i, part)), to + i, part);
      });
    }
  });
}

template <class E>
void backward(T dy, T e, T gate, float scale, T de, T dgate) {
  const int64_t heads = gate.dim(1), columns = e.dim(1), width = columns / heads;
  const E *upstream = dy.data<E>(), *extra = e.data<E>(), *gates = gate.data<E>();
  E *to = de.data<E>(), *to_gate = dgate.data<E>();
  parallel_for(e.dim(0) * heads, row_grain(width), [=](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n) {
      const Vec s = sigmoid(splat(static_cast<float>(gates[n]))), factor = hn::Mul(splat(scale), s);
      const E *d = upstream + n * width, *x = extra + n * width;
      E* out = to + n * width;
      const float dot = sum(width, [=](Vec total, int64_t i, auto part) HWY_ATTR {
        return hn::MulAdd(load(d + i, part), load(x + i, part), total);
      });
      for_vectors(0, width, [=](int64_t i, auto part) HWY_ATTR { store(hn::Mul(factor, load(d + i, part)), out + i, part); });
      to_gate[n] = E(hn::GetLane(hn::Mul(hn::Mul(factor, hn::Sub(splat(1.0f), s)), splat(dot))));
    }
  });
}

void value_gate_kernel(T v, T e, T gate, float scale, T y) {
  with_activation_dtype(v.dtype(), [&](auto element) HWY_ATTR { forward<decltype(element)>(v, e, gate, scale, y); });
}

void value_gate_backward_kernel(T dy, T e, T gate, float scale, T de, T dgate) {
  with_activation_dtype(dy.dtype(), [&](auto element) HWY_ATTR { backward<decltype(element)>(dy, e, gate, scale, de, dgate); });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(value_gate_kernel);
HWY_EXPORT(value_gate_backward_kernel);

void value_gate(T v, T e, T gate, float scale, T y) { HWY_DYNAMIC_DISPATCH(value_gate_kernel)(v, e, gate, scale, y); }
void value_gate_backward(T dy, T e, T gate, float scale, T de, T dgate) {
  HWY_DYNAMIC_DISPATCH(value_gate_backward_kernel)(dy, e, gate, scale, de, dgate);
}

}  // namespace lathe::ops::cpu
#endif
