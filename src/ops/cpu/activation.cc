// Pointwise: no element reads another, so any split gives the same bits.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/activation.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

// GPT-2's form: u = sqrt(2 / pi) (x + 0.044715 x^3), y = x (1 + tanh u) / 2.
constexpr float kGeluSlope = 0.79788456080286536f, kGeluCube = 0.044715f;

HWY_INLINE Vec gelu_inner(Vec x) {
  return hn::Mul(splat(kGeluSlope), hn::MulAdd(hn::Mul(splat(kGeluCube), hn::Mul(x, x)), x, x));
}

template <Activation kKind>
HWY_INLINE Vec value(Vec x) {
  if constexpr (kKind == Activation::kReluSquared) {
    const Vec r = hn::Max(x, hn::Zero(kFloats));
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Mul(r, r));
  } else if constexpr (kKind == Activation::kGelu) {
    return hn::Mul(x, normal_cdf(x));
  } else if constexpr (kKind == Activation::kGeluTanh) {
    return hn::Mul(hn::Mul(splat(0.5f), x), hn::Add(splat(1.0f), tanh(gelu_inner(x))));
  } else {
    return hn::Mul(x, sigmoid(x));
  }
}

template <Activation kKind>
HWY_INLINE Vec slope(Vec x) {
  const Vec one = splat(1.0f);
  if constexpr (kKind == Activation::kReluSquared) {
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Mul(splat(2.0f), hn::Max(x, hn::Zero(kFloats))));
  } else if constexpr (kKind == Activation::kGelu) {
    const Vec density = hn::Mul(splat(0.39894228040143268f), exp(hn::Mul(splat(-0.5f), hn::Mul(x, x))));
    return hn::MulAdd(x, density, normal_cdf(x));
  } else if constexpr (kKind == Activation::kGeluTanh) {
    const Vec t = tanh(gelu_inner(x));
    const Vec inner_slope = hn::Mul(splat(kGeluSlope), hn::MulAdd(splat(3 * kGeluCube), hn::Mul(x, x), one));
    const Vec bend = hn::Mul(hn::Mul(x, hn::NegMulAdd(t, t, one)), inner_slope);
    return hn::Mul(splat(0.5f), hn::Add(hn::Add(one, t), bend));
  } else {
    const Vec s = sigmoid(x);
    return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
  }
}

template <Activation kKind>
void forward(T x, T y) {
  with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR {
    using E = decltype(element);
    const E* from = x.data<E>();
    E* to = y.data<E>();
    parallel_for(x.elements(), kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR {
      for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR { store(value<kKind>(load(from + i, part)), to + i, part); });
    });
  });
}

template <Activation kKind>
void backward(T dy, T x, T dx) {
  with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR {
    using E = decltype(element);
    const E* upstream = dy.data<E>();
    const E* from = x.data<E>();
    E* to = dx.data<E>();
    parallel_for(x.elements(), kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR {
      for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR {
        store(hn::Mul(load(upstream + i, part), slope<kKind>(load(from + i, part))), to + i, part);
      });
    });
  });
}

void activation_kernel(T x, Activation kind, T y) {
  switch (kind) {
    case Activation::kReluSquared: return forward<Activation::kReluSquared>(x, y);
    case Activation::kGelu: return forward<Activation::kGelu>(x, y);
    case Activation::kGeluTanh: return forward<Activation::kGeluTanh>(x, y);
    case Activation::kSilu: return forward<Activation::kSilu>(x, y);
  }
}

void activation_backward_kernel(T dy, T x, Activation kind, T dx) {
  switch (kind) {
    case Activation::kReluSquared: return backward<Activation::kReluSquared>(dy, x, dx);
    case Activation::kGelu: return backward<Activation::kGelu>(dy, x, dx);
    case Activation::kGeluTanh: return backward<Activation::kGeluTanh>(dy, x, dx);
    case Activation::kSilu: return backward<Activation::kSilu>(dy, x, dx);
  }
}

template <Activation kKind>
void gated_forward(T gate, T up, T y) {
  with_activation_dtype(gate.dtype(), [&](auto element) HWY_ATTR {
    using E = decltype(element);
    const E *g = gate.data<E>(), *u = up.data<E>();
    E* to = y.data<E>();
    parallel_for(gate.elements(), kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR {
      for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR {
        store(hn::Mul(value<kKind>(load(g + i, part)), load(u + i, part)), to + i, part);
      });
    });
  });
}

template <Activation kKind>
void gated_gradient(T dy, T gate, T up, T dgate, T dup) {
  with_activation_dtype(gate.dtype(), [&](auto element) HWY_ATTR {
    using E = decltype(element);
    const E *upstream = dy.data<E>(), *g = gate.data<E>(), *u = up.data<E>();
    E *to_gate = dgate.data<E>(), *to_up = dup.data<E>();
    parallel_for(gate.elements(), kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR {
      for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR {
        const Vec d = load(upstream + i, part), x = load(g + i, part), w = load(u + i, part);
        store(hn::Mul(hn::Mul(d, w), slope<kKind>(x)), to_gate + i, part);
        store(hn::Mul(d, value<kKind>(x)), to_up + i, part);
      });
    });
  });
}

void gated_kernel(T gate, T up, Activation kind, T y) {
  (kind == Activation::kSilu ? gated_forward<Activation::kSilu> : gated_forward<Activation::kGeluTanh>)(gate, up, y);
}

void gated_backward_kernel(T dy, T gate, T up, Activation kind, T dgate, T dup) {
  (kind == Activation::kSilu ? gated_gradient<Activation::kSilu>
                             : gated_gradient<Activation::kGeluTanh>)(dy, gate, up, dgate, dup);
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(activation_kernel);
HWY_EXPORT(activation_backward_kernel);
HWY_EXPORT(gated_kernel);
HWY_EXPORT(gated_backward_kernel);

void activation(T x, Activation kind, T y) { HWY_DYNAMIC_DISPATCH(activation_kernel)(x, kind, y); }
void activation_backward(T dy, T x, Activation kind, T dx) { HWY_DYNAMIC_DISPATCH(activation_backward_kernel)(dy, x, kind, dx); }
void gated(T gate, T up, Activation kind, T y) { HWY_DYNAMIC_DISPATCH(gated_kernel)(gate, up, kind, y); }
void gated_backward(T dy, T gate, T up, Activation kind, T dgate, T dup) {
  HWY_DYNAMIC_DISPATCH(gated_backward_kernel)(dy, gate, up, kind, dgate, dup);
}

}  // namespace lathe::ops::cpu
#endif
