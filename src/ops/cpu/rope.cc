// Each pair of a head's halves is read before it is written, so y may be x.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/rope.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

template <class E>
void rotate(T x, T cosine, T sine, T positions, int64_t heads, int direction, T y) {
  const int64_t columns = x.dim(1), half = columns / heads / 2;
  const E* from = x.data<E>();
  E* to = y.data<E>();
  const float *cosines = cosine.data<float>(), *sines = sine.data<float>();
  const int32_t* position = positions.data<int32_t>();
  const Vec sign = splat(static_cast<float>(direction));
  parallel_for(x.dim(0), row_grain(columns), [=](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n) {
      const float *c_row = cosines + position[n] * half, *s_row = sines + position[n] * half;
      for (int64_t head = 0; head < heads; ++head) {
        const int64_t at = n * columns + head * 2 * half;
        for_vectors(0, half, [=](int64_t i, auto part) HWY_ATTR {
          const Vec c = load(c_row + i, part), s = hn::Mul(sign, load(s_row + i, part));
          const Vec x1 = load(from + at + i, part), x2 = load(from + at + half + i, part);
          store(hn::MulAdd(x1, c, hn::Mul(x2, s)), to + at + i, part);
          store(hn::NegMulAdd(x1, s, hn::Mul(x2, c)), to + at + half + i, part);
        });
      }
    }
  });
}

void rope_kernel(T x, T cosine, T sine, T positions, int64_t heads, int direction, T y) {
  with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR {
    rotate<decltype(element)>(x, cosine, sine, positions, heads, direction, y);
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(rope_kernel);

void rope(T x, T cosine, T sine, T positions, int64_t heads, int direction, T y) {
  HWY_DYNAMIC_DISPATCH(rope_kernel)(x, cosine, sine, positions, heads, direction, y);
}

}  // namespace lathe::ops::cpu
#endif
