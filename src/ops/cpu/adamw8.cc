// AdamW on moments of 8 bits: a block's codes become floats in the cache, the step is made in float32, and the new moments are
// coded again under the block's new scale. Coding is arithmetic on the bits of a float: 20 bits fewer are a sign, 8 steps an
// octave, and what is added before they are cut off is the stochastic rounding.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/adamw8.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

using Codes = hn::Rebind<uint8_t, Floats>;
using Word = hn::Vec<Words>;

constexpr int kCut = 20;                        // of a float's 23 bits of mantissa, and of its exponent nothing
constexpr uint32_t kOne = 0x3F800000u >> kCut;  // 1.0, the largest magnitude of a block
constexpr uint32_t kSignBit = 0x80;

HWY_INLINE Word word(uint32_t value) { return hn::Set(Words(), value); }

HWY_INLINE Word read_codes(const uint8_t* from) { return hn::PromoteTo(Words(), hn::LoadU(Codes(), from)); }
HWY_INLINE void write_codes(Word codes, uint8_t* to) {
  hn::StoreU(hn::DemoteTo(Codes(), hn::BitCast(Ints(), codes)), Codes(), to);
}

// Codes 1 .. levels; 0 is zero.
HWY_INLINE Vec decode(Word codes, uint32_t levels, Vec scale) {
  const Vec unit = hn::BitCast(kFloats, hn::ShiftLeft<kCut>(hn::Add(codes, word(kOne - levels))));
  return hn::IfThenZeroElse(hn::RebindMask(kFloats, hn::Eq(codes, word(0))), hn::Mul(unit, scale));
}
HWY_INLINE Word encode(Vec magnitude, uint32_t levels, Vec inverse_scale, Word noise) {
  const Vec unit = hn::Min(hn::Mul(magnitude, inverse_scale), splat(1.0f));
  const Word cut = hn::ShiftRight<kCut>(hn::Add(hn::BitCast(Words(), unit), hn::And(noise, word((1u << kCut) - 1))));
  return hn::Sub(hn::Max(cut, word(kOne - levels)), word(kOne - levels));
}

// A bijective mix of the bits (constants: C. Wellons, "prospecting for hash functions", lowbias32).
HWY_INLINE Word mix(Word x) {
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<16>(x)), word(0x7FEB352Du));
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<15>(x)), word(0x846CA68Bu));
  return hn::Xor(x, hn::ShiftRight<16>(x));
}

struct Rates {
  float decay, in1, in2, correction2, rate, eps, grad_scale;
};

struct Block {
  float* p;
  const float* g;
  uint8_t *m, *v;
};

// One whole block. noise: where the counters of its elements start.
void update_block(const Block& b, const Rates& r, uint32_t noise, float* m_scale, float* v_scale) {
  alignas(64) float m[kMomentBlock], v[kMomentBlock];
  const Vec decay = splat(r.decay), in1 = splat(r.in1), in2 = splat(r.in2), correction2 = splat(r.correction2),
            rate = splat(r.rate), eps = splat(r.eps), grad_scale = splat(r.grad_scale);
  const Vec old_m = splat(*m_scale), old_v = splat(*v_scale);
  Vec largest_m = hn::Zero(kFloats), largest_v = hn::Zero(kFloats);
  for (int64_t i = 0; i < kMomentBlock; i += kLanes) {
    const Word codes = read_codes(b.m + i);
    const Vec magnitude = decode(hn::And(codes, word(kSignBit - 1)), kSignBit - 1, old_m);
    const Vec m0 = hn::BitCast(kFloats, hn::Or(hn::BitCast(Words(), magnitude),
                                               hn::ShiftLeft<24>(hn::And(codes, word(kSignBit)))));
    const Vec v0 = decode(read_codes(b.v + i), 255, old_v);
    const Vec d = hn::Mul(hn::LoadU(kFloats, b.g + i), grad_scale);
    const Vec m1 = hn::MulAdd(in1, hn::Sub(d, m0), m0);
    const Vec v1 = hn::Max(hn::MulAdd(in2, hn::Sub(hn::Mul(d, d), v0), v0), hn::Zero(kFloats));
    const Vec bottom = hn::Add(hn::Sqrt(hn::Div(v1, correction2)), eps);
    const Vec p = hn::Mul(hn::LoadU(kFloats, b.p + i), decay);
    hn::StoreU(hn::NegMulAdd(rate, hn::Div(m1, bottom), p), kFloats, b.p + i);
    hn::Store(m1, kFloats, m + i);
    hn::Store(v1, kFloats, v + i);
    largest_m = hn::Max(largest_m, hn::Abs(m1));
    largest_v = hn::Max(largest_v, v1);
  }
  // Below the smallest normal number the inverse would be infinite; such a block is zero.
  constexpr float kSmallest = 1.2e-38f;
  const float new_m = hn::GetLane(hn::MaxOfLanes(kFloats, largest_m)), new_v = hn::GetLane(hn::MaxOfLanes(kFloats, largest_v));
  *m_scale = new_m < kSmallest ? 0 : new_m;
  *v_scale = new_v < kSmallest ? 0 : new_v;
  const Vec inverse_m = splat(*m_scale > 0 ? 1 / *m_scale : 0), inverse_v = splat(*v_scale > 0 ? 1 / *v_scale : 0);
  for (int64_t i = 0; i < kMomentBlock; i += kLanes) {
    const Word bits = mix(hn::Iota(Words(), noise + static_cast<uint32_t>(i)));
    const Vec m1 = hn::Load(kFloats, m + i), v1 = hn::Load(kFloats, v + i);
    const Word sign = hn::And(hn::ShiftRight<24>(hn::BitCast(Words(), m1)), word(kSignBit));
    write_codes(hn::Or(sign, encode(hn::Abs(m1), kSignBit - 1, inverse_m, hn::ShiftRight<12>(bits))), b.m + i);
    // A second moment that is there never becomes none: the step would be divided by eps alone.
    const Word least = hn::And(hn::VecFromMask(Words(), hn::RebindMask(Words(), hn::Gt(v1, hn::Zero(kFloats)))), word(1));
    write_codes(hn::Max(encode(v1, 255, inverse_v, bits), least), b.v + i);
  }
}

void adamw8_kernel(T p, T g, const Moments8& moments, const AdamwStep& step, float grad_scale, T compute) {
  const double beta1 = step.beta1, beta2 = step.beta2, t = static_cast<double>(step.step);
  const Rates rates{static_cast<float>(1 - double{step.lr} * double{step.weight_decay}),
                    static_cast<float>(1 - beta1),
                    static_cast<float>(1 - beta2),
                    static_cast<float>(1 - std::pow(beta2, t)),
                    static_cast<float>(double{step.lr} / (1 - std::pow(beta1, t))),
                    step.eps,
                    grad_scale};
  const int64_t n = p.elements();
  float *param = p.data<float>(), *m_scale = moments.m_scale.data<float>(), *v_scale = moments.v_scale.data<float>();
  const float* grad = g.data<float>();
  uint8_t *m = moments.m.data<uint8_t>(), *v = moments.v.data<uint8_t>();
  bf16* copy = compute ? compute.data<bf16>() : nullptr;
  const uint32_t stream = static_cast<uint32_t>(step.step) * 0x9E3779B9u;  // steps apart in the counters' range
  parallel_for(moment_blocks(n), kElementGrain / kMomentBlock, [=](int64_t first, int64_t last) HWY_ATTR {
    for (int64_t block = first; block < last; ++block) {
      const int64_t at = block * kMomentBlock, size = std::min(kMomentBlock, n - at);
      const uint32_t noise = stream + static_cast<uint32_t>(at);
      if (size == kMomentBlock) {
        update_block({param + at, grad + at, m + at, v + at}, rates, noise, m_scale + block, v_scale + block);
      } else {
        float whole_p[kMomentBlock] = {}, whole_g[kMomentBlock] = {};
        uint8_t whole_m[kMomentBlock] = {}, whole_v[kMomentBlock] = {};
        std::copy_n(param + at, size, whole_p);
        std::copy_n(grad + at, size, whole_g);
        std::copy_n(m + at, size, whole_m);
        std::copy_n(v + at, size, whole_v);
        update_block({whole_p, whole_g, whole_m, whole_v}, rates, noise, m_scale + block, v_scale + block);
        std::copy_n(whole_p, size, param + at);
        std::copy_n(whole_m, size, m + at);
        std::copy_n(whole_v, size, v + at);
      }
      if (copy)
        for_vectors(at, at + size, [=](int64_t i, auto part) HWY_ATTR { store(load(param + i, part), copy + i, part); });
    }
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(adamw8_kernel);

void adamw8(T p, T g, const Moments8& moments, const AdamwStep& step, float grad_scale, T compute) {
  HWY_DYNAMIC_DISPATCH(adamw8_kernel)(p, g, moments, step, grad_scale, compute);
}

}  // namespace lathe::ops::cpu
#endif
