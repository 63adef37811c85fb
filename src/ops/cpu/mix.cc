// y = alpha a + beta b. The scalars' gradients are sums over all elements: at most kBlocks blocks of whole pieces, in
// float64, then in block order; a piece is read for the sums and then, still in the cache, for da and db.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/mix.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include <algorithm>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kBlocks = 64, kPiece = 4096;

float scalar_of(const MixCoefficient& c) { return c.values ? c.values.data<float>()[c.index] * c.constant : c.constant; }

template <class E>
void forward(T a, float alpha, T b, float beta, T y) {
  const E *left = a.data<E>(), *right = b.data<E>();
  E* to = y.data<E>();
  const Vec va = splat(alpha), vb = splat(beta);
  parallel_for(a.elements(), kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR {
    for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR {
      store(hn::MulAdd(va, load(left + i, part), hn::Mul(vb, load(right + i, part))), to + i, part);
    });
  });
}

template <class E>
HWY_INLINE double dot(const E* a, const E* b, int64_t n) {
  return sum_products(n, [=](int64_t i, auto part) HWY_ATTR { return Factors{load(a + i, part), load(b + i, part)}; });
}

template <class E>
void backward(T dy, T a, const MixCoefficient& alpha, T b, const MixCoefficient& beta, T da, T db, T dalpha, T dbeta) {
  const int64_t n = dy.elements(), pieces = (n + kPiece - 1) / kPiece;
  const int64_t per_block = std::max<int64_t>(1, (pieces + kBlocks - 1) / kBlocks), blocks = (pieces + per_block - 1) / per_block;
  const E *d = dy.data<E>(), *left = dalpha ? a.data<E>() : nullptr, *right = dbeta ? b.data<E>() : nullptr;
  E *to_a = da ? da.data<E>() : nullptr, *to_b = db ? db.data<E>() : nullptr;
  const Vec va = splat(scalar_of(alpha)), vb = splat(scalar_of(beta));
  double sums_a[kBlocks] = {}, sums_b[kBlocks] = {};
  parallel_for(blocks, 1, [&](int64_t first, int64_t last) HWY_ATTR {
    for (int64_t piece = first * per_block; piece < std::min(pieces, last * per_block); ++piece) {
      const int64_t begin = piece * kPiece, end = std::min(n, begin + kPiece);
      if (left) sums_a[piece / per_block] += dot(d + begin, left + begin, end - begin);
      if (right) sums_b[piece / per_block] += dot(d + begin, right + begin, end - begin);
      for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR {
        const Vec v = load(d + i, part);
        if (to_a) store(hn::Mul(va, v), to_a + i, part);
        if (to_b) store(hn::Mul(vb, v), to_b + i, part);
      });
    }
  });
  double total_a = 0, total_b = 0;
  for (int64_t block = 0; block < blocks; ++block) total_a += sums_a[block], total_b += sums_b[block];
  if (left) dalpha.data<float>()[alpha.index] += static_cast<float>(total_a * double{alpha.constant});
  if (right) dbeta.data<float>()[beta.index] += static_cast<float>(total_b * double{beta.constant});
}

void mix_kernel(T a, const MixCoefficient& alpha, T b, const MixCoefficient& beta, T y) {
  with_activation_dtype(a.dtype(), [&](auto element) HWY_ATTR {
    forward<decltype(element)>(a, scalar_of(alpha), b, scalar_of(beta), y);
  });
}

void mix_backward_kernel(T dy, T a, const MixCoefficient& alpha, T b, const MixCoefficient& beta, T da, T db, T dalpha, T dbeta) {
  with_activation_dtype(dy.dtype(), [&](auto element) HWY_ATTR {
    backward<decltype(element)>(dy, a, alpha, b, beta, da, db, dalpha, dbeta);
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(mix_kernel);
HWY_EXPORT(mix_backward_kernel);

void mix(T a, const MixCoefficient& alpha, T b, const MixCoefficient& beta, T y) {
  HWY_DYNAMIC_DISPATCH(mix_kernel)(a, alpha, b, beta, y);
}
void mix_backward(T dy, T a, const MixCoefficient& alpha, T b, const MixCoefficient& beta, T da, T db, T dalpha, T dbeta) {
  HWY_DYNAMIC_DISPATCH(mix_backward_kernel)(dy, a, alpha, b, beta, da, db, dalpha, dbeta);
}

}  // namespace lathe::ops::cpu
#endif
