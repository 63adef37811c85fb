// Backward of y[t] = x[t] + lambda g[t] x[t-1], g[t] = sigmoid(w . x[t]):
//   s[t] = dy[t] . x[t-1],   u[t] = lambda s[t] g[t] (1 - g[t])   (0 for the first position of a sequence or document)
//   dx[t] = dy[t] + lambda g[t+1] dy[t+1] + u[t] w (on the first K columns),   dw += u[t] x[t],   dlambda += g[t] s[t].
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/smear.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include <cstring>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/row_sums.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

bool starts(const int32_t* first_keys, int64_t n, int64_t length) {
  return n % length == 0 || (first_keys != nullptr && first_keys[n] == n % length);
}

template <class E>
void forward(T x, T w, float lambda, const E* previous, const int32_t* first_keys, int64_t batch, T y, float* saved) {
  const int64_t columns = x.dim(1), taps = w.dim(1), length = x.dim(0) / batch;
  const E *from = x.data<E>(), *weight = w.data<E>();
  E* to = y.data<E>();
  parallel_for(x.dim(0), row_grain(columns), [=](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n) {
      const E* row = from + n * columns;
      E* out = to + n * columns;
      const float z = sum(taps, [=](Vec total, int64_t i, auto part) HWY_ATTR {
        return hn::MulAdd(load(weight + i, part), load(row + i, part), total);
      });
      const float gate = hn::GetLane(sigmoid(splat(z)));
      if (saved) saved[n] = gate;
      const bool first = starts(first_keys, n, length);
      const E* before = !first ? row - columns : previous ? previous + n / length * columns : nullptr;
      if (before == nullptr) {
        std::memcpy(out, row, static_cast<size_t>(columns) * sizeof(E));
        continue;
      }
      const Vec factor = splat(lambda * gate);
      for_vectors(0, columns, [=](int64_t i, auto part) HWY_ATTR {
        store(hn::MulAdd(factor, load(before + i, part), load(row + i, part)), out + i, part);
      });
    }
  });
}

template <class E>
void backward(T dy, T x, T w, float lambda, const int32_t* first_keys, int64_t batch, T gate, T dx, T dw, T dlambda) {
  const int64_t columns = x.dim(1), taps = w.dim(1), length = x.dim(0) / batch;
  const E *upstream = dy.data<E>(), *from = x.data<E>(), *weight = w.data<E>();
  const float* gates = gate.data<float>();
  E* to = dx.data<E>();
  const RowSums sums(x.dim(0), taps + 1, [=](int64_t begin, int64_t end, float* partial) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n) {
      const E *d = upstream + n * columns, *row = from + n * columns;
      E* out = to + n * columns;
      const int64_t t = n % length;
      const float g = gates[n];
      float along = 0;  // dy[t] . x[t-1]
      if (!starts(first_keys, n, length))
        along = sum(columns, [=](Vec total, int64_t i, auto part) HWY_ATTR {
          return hn::MulAdd(load(d + i, part), load(row - columns + i, part), total);
        });
      const float u = lambda * along * g * (1 - g);
      partial[taps] += g * along;
      const bool last = t + 1 == length || starts(first_keys, n + 1, length);
      const Vec next = splat(last ? 0.0f : lambda * gates[n + 1]), pre = splat(u);
      const E* after = last ? d : d + columns;
      const auto passed = [=](int64_t i, auto part) HWY_ATTR { return hn::MulAdd(next, load(after + i, part), load(d + i, part)); };
      for_vectors(0, taps, [=](int64_t i, auto part) HWY_ATTR {
        store(hn::MulAdd(pre, load(row + i, part), load(partial + i, part)), partial + i, part);
        store(hn::MulAdd(pre, load(weight + i, part), passed(i, part)), out + i, part);
      });
      for_vectors(taps, columns, [=](int64_t i, auto part) HWY_ATTR { store(passed(i, part), out + i, part); });
    }
  });
  sums.add_to(0, taps, dw.data<float>());
  sums.add_to(taps, 1, dlambda.data<float>());
}

const int32_t* keys_of(T first_keys) { return first_keys ? first_keys.data<int32_t>() : nullptr; }

void smear_kernel(T x, T w, T lambda, T previous, T first_keys, int64_t batch, T y, T gate) {
  with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR {
    using E = decltype(element);
    forward<E>(x, w, lambda.data<float>()[0], previous ? previous.data<E>() : nullptr, keys_of(first_keys), batch, y, gate ? gate.data<float>() : nullptr);
  });
}

void smear_backward_kernel(T dy, T x, T w, T lambda, T first_keys, int64_t batch, T gate, T dx, T dw, T dlambda) {
  with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR {
    backward<decltype(element)>(dy, x, w, lambda.data<float>()[0], keys_of(first_keys), batch, gate, dx, dw, dlambda);
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(smear_kernel);
HWY_EXPORT(smear_backward_kernel);

void smear(T x, T w, T lambda, T previous, T first_keys, int64_t batch, T y, T gate) {
  HWY_DYNAMIC_DISPATCH(smear_kernel)(x, w, lambda, previous, first_keys, batch, y, gate);
}
void smear_backward(T dy, T x, T w, T lambda, T first_keys, int64_t batch, T gate, T dx, T dw, T dlambda) {
  HWY_DYNAMIC_DISPATCH(smear_backward_kernel)(dy, x, w, lambda, first_keys, batch, gate, dx, dw, dlambda);
}

}  // namespace lathe::ops::cpu
#endif
