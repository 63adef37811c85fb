// Vectors for the CPU kernels: fp32 and bf16 loads and stores, elementary functions, sums of a fixed order. Compiled once
// per instruction set (Highway's foreach_target). Everything here works on float32 lanes.
//
// Two promises that kernels build on. (1) A tail is computed by the same vector operations as a full vector (missing
// lanes are zero), so an element's bits do not depend on where in a range it lies. (2) A sum of n values is defined on
// kSumLanes = 32 accumulators (value i goes to accumulator i % 32, then halves are added), so it depends on the values
// and n alone, not on the width of a vector.
#include <hwy/highway.h>

#include <cstdint>

#include "tensor/dtype.h"

#if defined(LATHE_OPS_CPU_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LATHE_OPS_CPU_SIMD_INL_H_
#undef LATHE_OPS_CPU_SIMD_INL_H_
#else
#define LATHE_OPS_CPU_SIMD_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Ints = hn::RebindToSigned<Floats>;
using Words = hn::RebindToUnsigned<Floats>;
using Halfwords = hn::Rebind<uint16_t, Floats>;
using Vec = hn::Vec<Floats>;
inline constexpr Floats kFloats{};
inline constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Floats()));

// How much of a vector a load or store touches.
struct All {
  static constexpr int64_t count() { return kLanes; }
};
struct Part {
  int64_t n;  // 0 < n < kLanes
  int64_t count() const { return n; }
};

HWY_INLINE Vec splat(float value) { return hn::Set(kFloats, value); }

HWY_INLINE Vec load(const float* from, All) { return hn::LoadU(kFloats, from); }
HWY_INLINE Vec load(const bf16* from, All) {
  const auto halfwords = hn::LoadU(Halfwords(), reinterpret_cast<const uint16_t*>(from));
  return hn::BitCast(kFloats, hn::ShiftLeft<16>(hn::PromoteTo(Words(), halfwords)));
}
template <class E>
HWY_INLINE Vec load(const E* from, Part part) {
  E whole[kLanes] = {};
  for (int64_t i = 0; i < part.n; ++i) whole[i] = from[i];
  return load(whole, All{});
}

// Rounds to nearest, ties to even; NaN stays NaN (the same bits as lathe::bf16).
HWY_INLINE void store(Vec value, float* to, All) { hn::StoreU(value, kFloats, to); }
HWY_INLINE void store(Vec value, bf16* to, All) {
  const Words words;
  const auto bits = hn::BitCast(words, value);
  const auto upper = hn::ShiftRight<16>(bits);
  const auto odd = hn::And(upper, hn::Set(words, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7FFF))));
  const auto quiet = hn::Or(upper, hn::Set(words, 0x40));
  const auto result = hn::IfThenElse(hn::RebindMask(words, hn::IsNaN(value)), quiet, rounded);
  hn::StoreU(hn::DemoteTo(Halfwords(), hn::BitCast(Ints(), result)), Halfwords(), reinterpret_cast<uint16_t*>(to));
}
template <class E>
HWY_INLINE void store(Vec value, E* to, Part part) {
  E whole[kLanes];
  store(value, whole, All{});
  for (int64_t i = 0; i < part.n; ++i) to[i] = whole[i];
}

// Zero in the lanes beyond a part.
HWY_INLINE Vec keep(Vec value, All) { return value; }
HWY_INLINE Vec keep(Vec value, Part part) {
  return hn::IfThenElseZero(hn::FirstN(kFloats, static_cast<size_t>(part.n)), value);
}

// Calls step(i, part) over [begin, end): whole vectors, then what is left.
template <class Step>
HWY_INLINE void for_vectors(int64_t begin, int64_t end, Step&& step) {
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) step(i, All{});
  if (i < end) step(i, Part{end - i});
}

inline constexpr int64_t kSumLanes = 32;

// Adds up the kSumLanes accumulators.
HWY_INLINE float add_lanes(const Vec* accumulators) {
  alignas(64) float lanes[kSumLanes];
  for (int64_t s = 0; s < kSumLanes / kLanes; ++s) hn::StoreU(accumulators[s], kFloats, lanes + s * kLanes);
  for (int64_t half = kSumLanes / 2; half >= 1; half /= 2)
    for (int64_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

// Sum over [0, n). step(accumulator, i, part) returns the accumulator with the terms i .. i + part.count() - 1 added;
// lanes beyond must add zero (they do when the terms are products of loads).
template <class Step>
HWY_INLINE float sum(int64_t n, Step&& step) {
  constexpr int64_t kVectors = kSumLanes / kLanes;
  Vec accumulators[kVectors];
  for (int64_t s = 0; s < kVectors; ++s) accumulators[s] = hn::Zero(kFloats);
  int64_t i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes)
    for (int64_t s = 0; s < kVectors; ++s) accumulators[s] = step(accumulators[s], i + s * kLanes, All{});
  for (int64_t s = 0; s < kVectors && i < n; ++s, i += kLanes)
    accumulators[s] = i + kLanes <= n ? step(accumulators[s], i, All{}) : step(accumulators[s], i, Part{n - i});
  return add_lanes(accumulators);
}

// The largest of [0, n), n > 0. step(i, part) returns values; lanes beyond a part are ignored.
template <class Step>
HWY_INLINE float maximum(int64_t n, Step&& step) {
  const float lowest = -__builtin_inff();
  Vec largest = splat(lowest);
  for_vectors(0, n, [&](int64_t i, auto part) HWY_ATTR {
    const auto inside = hn::FirstN(kFloats, static_cast<size_t>(part.count()));
    largest = hn::Max(largest, hn::IfThenElse(inside, step(i, part), splat(lowest)));
  });
  return hn::GetLane(hn::MaxOfLanes(kFloats, largest));
}

// sum over [0, n) of a(i) * b(i) in float64 (each product is exact); pair(i, part) returns {a, b} with zeros beyond a part.
struct Factors {
  Vec a, b;
};
template <class Pair>
HWY_INLINE double sum_products(int64_t n, Pair&& pair) {
  alignas(64) double lanes[kSumLanes] = {};
#if HWY_TARGET == HWY_SCALAR
  for (int64_t i = 0; i < n; ++i) {
    const Factors f = pair(i, All{});
    lanes[i % kSumLanes] += double{hn::GetLane(f.a)} * double{hn::GetLane(f.b)};
  }
#else
  constexpr int64_t kVectors = kSumLanes / kLanes;
  using Doubles = hn::RepartitionToWide<Floats>;
  const Doubles doubles;
  const hn::Half<Floats> half;
  hn::Vec<Doubles> low[kVectors], high[kVectors];
  for (int64_t s = 0; s < kVectors; ++s) low[s] = high[s] = hn::Zero(doubles);
  const auto add = [&](int64_t s, Factors f) HWY_ATTR {
    low[s] = hn::MulAdd(hn::PromoteTo(doubles, hn::LowerHalf(half, f.a)), hn::PromoteTo(doubles, hn::LowerHalf(half, f.b)), low[s]);
    high[s] = hn::MulAdd(hn::PromoteTo(doubles, hn::UpperHalf(half, f.a)), hn::PromoteTo(doubles, hn::UpperHalf(half, f.b)), high[s]);
  };
  int64_t i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes)
    for (int64_t s = 0; s < kVectors; ++s) add(s, pair(i + s * kLanes, All{}));
  for (int64_t s = 0; s < kVectors && i < n; ++s, i += kLanes) add(s, i + kLanes <= n ? pair(i, All{}) : pair(i, Part{n - i}));
  for (int64_t s = 0; s < kVectors; ++s) {
    hn::StoreU(low[s], doubles, lanes + s * kLanes);
    hn::StoreU(high[s], doubles, lanes + s * kLanes + kLanes / 2);
  }
#endif
  for (int64_t h = kSumLanes / 2; h >= 1; h /= 2)
    for (int64_t j = 0; j < h; ++j) lanes[j] += lanes[j + h];
  return lanes[0];
}

// e^x, within 2 units in the last place, with gradual underflow, infinity above 88.73 and NaN kept. Cody and Waite's
// two-constant reduction to |r| <= ln 2 / 2, then the polynomial of Cephes' expf (Moshier 1992).
HWY_INLINE Vec exp(Vec x) {
  const Ints ints;
  const Vec clamped = hn::Min(hn::Max(x, splat(-104.0f)), splat(89.0f));
  const auto n = hn::NearestInt(hn::Mul(clamped, splat(1.44269504088896341f)));
  const Vec nf = hn::ConvertTo(kFloats, n);
  Vec r = hn::NegMulAdd(nf, splat(0.693359375f), clamped);
  r = hn::NegMulAdd(nf, splat(-2.12194440e-4f), r);
  Vec p = splat(1.9875691500e-4f);
  p = hn::MulAdd(p, r, splat(1.3981999507e-3f));
  p = hn::MulAdd(p, r, splat(8.3334519073e-3f));
  p = hn::MulAdd(p, r, splat(4.1665795894e-2f));
  p = hn::MulAdd(p, r, splat(1.6666665459e-1f));
  p = hn::MulAdd(p, r, splat(5.0000001201e-1f));
  p = hn::Add(hn::MulAdd(p, hn::Mul(r, r), r), splat(1.0f));
  // 2^n as two factors: n may lie outside the exponents of normal numbers.
  const auto n1 = hn::ShiftRight<1>(n), n2 = hn::Sub(n, n1);
  const auto bias = hn::Set(ints, 127);
  const Vec scale1 = hn::BitCast(kFloats, hn::ShiftLeft<23>(hn::Add(n1, bias)));
  const Vec scale2 = hn::BitCast(kFloats, hn::ShiftLeft<23>(hn::Add(n2, bias)));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Mul(hn::Mul(p, scale1), scale2));
}

// 1 / (1 + e^-x).
HWY_INLINE Vec sigmoid(Vec x) { return hn::Div(splat(1.0f), hn::Add(splat(1.0f), exp(hn::Neg(x)))); }

// Cephes' tanhf: an odd polynomial below 0.625, else 1 - 2 / (e^2|x| + 1).
HWY_INLINE Vec tanh(Vec x) {
  const Vec a = hn::Abs(x), z = hn::Mul(x, x);
  Vec p = splat(-5.70498872745e-3f);
  p = hn::MulAdd(p, z, splat(2.06390887954e-2f));
  p = hn::MulAdd(p, z, splat(-5.37397155531e-2f));
  p = hn::MulAdd(p, z, splat(1.33314422036e-1f));
  p = hn::MulAdd(p, z, splat(-3.33332819422e-1f));
  const Vec small = hn::MulAdd(hn::Mul(p, z), x, x);
  const Vec e = exp(hn::Add(a, a));
  const Vec large = hn::Sub(splat(1.0f), hn::Div(splat(2.0f), hn::Add(e, splat(1.0f))));
  return hn::IfThenElse(hn::Lt(a, splat(0.625f)), small, hn::CopySign(large, x));
}

// (1 + erf(x / sqrt 2)) / 2, the normal distribution function, by Cephes' erff and erfcf. Both tails keep their relative
// precision to about 1e-5 at |x| = 12.
HWY_INLINE Vec normal_cdf(Vec x) {
  const Vec s = hn::Mul(x, splat(0.70710678118654752f)), a = hn::Abs(s), z = hn::Mul(s, s);
  Vec t = splat(7.853861353153693e-5f);
  t = hn::MulAdd(t, z, splat(-8.010193625184903e-4f));
  t = hn::MulAdd(t, z, splat(5.188327685732524e-3f));
  t = hn::MulAdd(t, z, splat(-2.685381193529856e-2f));
  t = hn::MulAdd(t, z, splat(1.128358514861418e-1f));
  t = hn::MulAdd(t, z, splat(-3.761262582423300e-1f));
  t = hn::MulAdd(t, z, splat(1.128379165726710f));
  const Vec inner = hn::MulAdd(hn::Mul(s, t), splat(0.5f), splat(0.5f));

  const Vec q = hn::Div(splat(1.0f), hn::Max(a, splat(1.0f))), y = hn::Mul(q, q);
  Vec p = splat(2.326819970068386e-2f);
  p = hn::MulAdd(p, y, splat(-1.387039388740657e-1f));
  p = hn::MulAdd(p, y, splat(3.687424674597105e-1f));
  p = hn::MulAdd(p, y, splat(-5.824733027278666e-1f));
  p = hn::MulAdd(p, y, splat(6.210004621745983e-1f));
  p = hn::MulAdd(p, y, splat(-4.944515323274145e-1f));
  p = hn::MulAdd(p, y, splat(3.404879937665872e-1f));
  p = hn::MulAdd(p, y, splat(-2.741127028184656e-1f));
  p = hn::MulAdd(p, y, splat(5.638259427386472e-1f));
  Vec r = splat(-1.047766399936249e+1f);
  r = hn::MulAdd(r, y, splat(1.297719955372516e+1f));
  r = hn::MulAdd(r, y, splat(-7.495518717768503f));
  r = hn::MulAdd(r, y, splat(2.921019019210786f));
  r = hn::MulAdd(r, y, splat(-1.015265279202700f));
  r = hn::MulAdd(r, y, splat(4.218463358204948e-1f));
  r = hn::MulAdd(r, y, splat(-2.820767439740514e-1f));
  r = hn::MulAdd(r, y, splat(5.641895067754075e-1f));
  const Vec rational = hn::IfThenElse(hn::Lt(a, splat(2.0f)), p, r);
  const Vec tail = hn::Mul(splat(0.5f), hn::Mul(hn::Mul(exp(hn::Neg(z)), q), rational));
  const Vec outer = hn::IfThenElse(hn::Lt(s, hn::Zero(kFloats)), tail, hn::Sub(splat(1.0f), tail));
  return hn::IfThenElse(hn::Lt(a, splat(1.0f)), inner, outer);
}

}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
