// Softmax cross entropy over rows of float32 logits, with its gradient. A row is one thread's work and stays in its
// cache:
//   z = cap tanh(z / cap) (cap > 0; left in place) and its maximum;  total = sum exp(z - max);  nll = max + log total -
//   z[target];  dlogits[j] = factor (exp(z[j] - max) / total - e / V - (1 - e) [j == target]) (1 - (z[j] / cap)^2)
// with e the label smoothing, whose loss is (1 - e) nll + e (max + log total - mean of z).
// dlogits may share the logits' memory. The sum is over fixed lanes (see simd-inl.h), so a row's bits are its own.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/softmax_loss.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include <cmath>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

struct RowSoftmax {
  float max, total, log_total;
};

RowSoftmax softmax_of_row(float* z, int64_t n, float cap) {
  const Vec scale = splat(cap);
  const float max = maximum(n, [=](int64_t i, auto part) HWY_ATTR {
    Vec value = load(z + i, part);
    if (cap > 0) {
      value = hn::Mul(scale, tanh(hn::Div(value, scale)));
      store(value, z + i, part);
    }
    return value;
  });
  const Vec shift = splat(max);
  const float total = sum(n, [=](Vec lanes, int64_t i, auto part) HWY_ATTR {
    const auto inside = hn::FirstN(kFloats, static_cast<size_t>(part.count()));
    return hn::Add(lanes, hn::IfThenElseZero(inside, exp(hn::Sub(load(z + i, part), shift))));
  });
  return {max, total, std::log(total)};
}

template <class E>
void gradient_of_row(const float* z, int64_t n, float cap, const RowSoftmax& softmax, float factor, int32_t target,
                     float smoothing, E* to) {
  const float z_target = z[target], share = smoothing / static_cast<float>(n);
  const Vec shift = splat(softmax.max), weight = splat(factor / softmax.total), one = splat(1.0f);
  const Vec slope_scale = splat(cap > 0 ? 1.0f / cap : 0.0f), everywhere = splat(factor * share);
  for_vectors(0, n, [=](int64_t i, auto part) HWY_ATTR {
    const Vec value = load(z + i, part), tanh_value = hn::Mul(value, slope_scale);
    const Vec p = hn::MulSub(exp(hn::Sub(value, shift)), weight, everywhere);
    store(hn::Mul(p, hn::NegMulAdd(tanh_value, tanh_value, one)), to + i, part);
  });
  const float p = std::exp(z_target - softmax.max) / softmax.total, t = cap > 0 ? z_target / cap : 0.0f;
  to[target] = static_cast<E>(factor * (p - share - (1.0f - smoothing)) * (1.0f - t * t));
}

template <class E>
void loss_rows(T logits, T targets, T factor, const HeadLossOptions& options, T nll, T dlogits, T smoothed) {
  const int64_t vocab_size = options.vocab_size;
  const float cap = options.softcap, smoothing = options.label_smoothing;
  const int64_t columns = logits.dim(1), out_columns = dlogits ? dlogits.dim(1) : 0;
  float* z = logits.data<float>();
  float* loss = nll.data<float>();
  const int32_t* target = targets.data<int32_t>();
  float* smooth = smoothed ? smoothed.data<float>() : nullptr;
  const float* weight = factor ? factor.data<float>() : nullptr;
  E* out = dlogits ? dlogits.data<E>() : nullptr;
  parallel_for(logits.dim(0), row_grain(vocab_size), [=](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t n = begin; n < end; ++n) {
      float* row = z + n * columns;
      E* to = out ? out + n * out_columns : nullptr;
      loss[n] = 0;
      if (smooth) smooth[n] = 0;
      const bool counted = target[n] >= 0, sloped = counted && weight != nullptr && weight[n] != 0;
      if (counted) {
        const RowSoftmax softmax = softmax_of_row(row, vocab_size, cap);
        loss[n] = softmax.log_total - (row[target[n]] - softmax.max);
        if (smooth) {
          const float mean = sum(vocab_size, [=](Vec lanes, int64_t i, auto part) HWY_ATTR {
            return hn::Add(lanes, keep(load(row + i, part), part));
          }) / static_cast<float>(vocab_size);
          smooth[n] = (1.0f - smoothing) * loss[n] + smoothing * (softmax.log_total - (mean - softmax.max));
        }
        if (to && sloped) gradient_of_row(row, vocab_size, cap, softmax, weight[n], target[n], smoothing, to);
      }
      if (to) std::fill(to + (sloped ? vocab_size : 0), to + out_columns, E());
    }
  });
}

void softmax_loss_kernel(T logits, T targets, T factor, const HeadLossOptions& options, T nll, T dlogits, T smoothed) {
  with_activation_dtype(dlogits ? dlogits.dtype() : DType::kFloat32, [&](auto element) {
    loss_rows<decltype(element)>(logits, targets, factor, options, nll, dlogits, smoothed);
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(softmax_loss_kernel);

void softmax_loss(T logits, T targets, T factor, const HeadLossOptions& options, T nll, T dlogits, T smoothed) {
  HWY_DYNAMIC_DISPATCH(softmax_loss_kernel)(logits, targets, factor, options, nll, dlogits, smoothed);
}

}  // namespace lathe::ops::cpu
#endif
