// The optimizers' elementwise parts, all float32.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/update.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kBlocks = 64;

void adamw_kernel(T p, T g, T m, T v, const AdamwStep& step, float grad_scale, T compute) {
  const double beta1 = step.beta1, beta2 = step.beta2, t = static_cast<double>(step.step);
  const auto constant = [](double value) HWY_ATTR { return splat(static_cast<float>(value)); };
  const Vec decay = constant(1 - double{step.lr} * double{step.weight_decay}), in1 = constant(1 - beta1), in2 = constant(1 - beta2);
  const Vec correction2 = constant(1 - std::pow(beta2, t)), rate = constant(double{step.lr} / (1 - std::pow(beta1, t)));
  const Vec eps = splat(step.eps), grad_factor = splat(grad_scale);
  float *param = p.data<float>(), *first = m.data<float>(), *second = v.data<float>();
  const float* grad = g.data<float>();
  bf16* copy = compute ? compute.data<bf16>() : nullptr;
  parallel_for(p.elements(), kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR {
    for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR {
      const Vec d = hn::Mul(load(grad + i, part), grad_factor);
      const Vec m0 = load(first + i, part), v0 = load(second + i, part);
      const Vec m1 = hn::MulAdd(in1, hn::Sub(d, m0), m0), v1 = hn::MulAdd(in2, hn::Sub(hn::Mul(d, d), v0), v0);
      const Vec bottom = hn::Add(hn::Sqrt(hn::Div(v1, correction2)), eps);
      const Vec value = hn::NegMulAdd(rate, hn::Div(m1, bottom), hn::Mul(load(param + i, part), decay));
      store(m1, first + i, part);
      store(v1, second + i, part);
      store(value, param + i, part);
      if (copy) store(value, copy + i, part);
    });
  });
}

double sum_of_squares_kernel(T x) {
  const int64_t n = x.elements();
  const int64_t per_block = std::max<int64_t>(kElementGrain, (n + kBlocks - 1) / kBlocks), blocks = (n + per_block - 1) / per_block;
  const float* from = x.data<float>();
  double sums[kBlocks] = {};
  double* to = sums;
  parallel_for(blocks, 1, [=](int64_t first, int64_t last) HWY_ATTR {
    for (int64_t block = first; block < last; ++block) {
      const float* start = from + block * per_block;
      to[block] = sum_products(std::min(per_block, n - block * per_block), [=](int64_t i, auto part) HWY_ATTR {
        const Vec value = load(start + i, part);
        return Factors{value, value};
      });
    }
  });
  double total = 0;
  for (int64_t block = 0; block < blocks; ++block) total += sums[block];
  return total;
}

void scale_kernel(T x, float factor) {
  with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR {
    auto* values = x.data<decltype(element)>();
    const Vec f = splat(factor);
    parallel_for(x.elements(), kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR {
      for_vectors(begin, end, [=](int64_t i, auto part) HWY_ATTR { store(hn::Mul(f, load(values + i, part)), values + i, part); });
    });
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(adamw_kernel);
HWY_EXPORT(sum_of_squares_kernel);
HWY_EXPORT(scale_kernel);

void adamw(T p, T g, T m, T v, const AdamwStep& step, float grad_scale, T compute) {
  HWY_DYNAMIC_DISPATCH(adamw_kernel)(p, g, m, v, step, grad_scale, compute);
}
double sum_of_squares(T x) { return HWY_DYNAMIC_DISPATCH(sum_of_squares_kernel)(x); }
void scale(T x, float factor) { HWY_DYNAMIC_DISPATCH(scale_kernel)(x, factor); }

}  // namespace lathe::ops::cpu
#endif
