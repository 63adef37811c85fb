// The generator of core/rng.h, one counter a lane, so that a vector gives four words to each of kLanes counters.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/dropout.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include <algorithm>

#include "core/rng.h"
#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kWords = 4 * kLanes;

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void draw(int64_t counter, const DropoutKey& key, uint32_t* words) {
  const auto block = philox(static_cast<uint64_t>(counter), key.call, key.key);
  std::copy(block.begin(), block.end(), words);
}
#else
using Word = hn::Vec<Words>;

HWY_INLINE Word splat_word(uint64_t value) { return hn::Set(Words(), static_cast<uint32_t>(value)); }

// The upper halves of the 64-bit products.
HWY_INLINE Word multiply_high(Word a, Word b) {
  const Words words;
  const hn::RepartitionToWide<Words> wide;
  const auto even = hn::MulEven(a, b);
  const auto odd = hn::MulEven(hn::BitCast(words, hn::ShiftRight<32>(hn::BitCast(wide, a))), b);
  return hn::OddEven(hn::BitCast(words, odd), hn::BitCast(words, hn::ShiftRight<32>(even)));
}

// The words of counters `counter` .. + kLanes - 1, in order. counter is a multiple of kLanes, so its upper half is shared.
HWY_INLINE void draw(int64_t counter, const DropoutKey& key, uint32_t* words) {
  const auto a = static_cast<uint64_t>(counter);
  const Word multiplier0 = splat_word(0xD2511F53u), multiplier1 = splat_word(0xCD9E8D57u);
  Word c0 = hn::Add(splat_word(a), hn::Iota(Words(), 0)), c1 = splat_word(a >> 32);
  Word c2 = splat_word(key.call), c3 = splat_word(key.call >> 32);
  uint32_t k0 = key.key[0], k1 = key.key[1];
  for (int round = 0; round < 10; ++round) {
    const Word high0 = multiply_high(c0, multiplier0), low0 = hn::Mul(c0, multiplier0);
    const Word high1 = multiply_high(c2, multiplier1), low1 = hn::Mul(c2, multiplier1);
    c0 = hn::Xor(hn::Xor(high1, c1), splat_word(k0));
    c1 = low1;
    c2 = hn::Xor(hn::Xor(high0, c3), splat_word(k1));
    c3 = low0;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  hn::StoreInterleaved4(c0, c1, c2, c3, Words(), words);
}
#endif

template <class E>
void drop(T x, float rate, const DropoutKey& key, T y) {
  const E* from = x.data<E>();
  E* to = y.data<E>();
  const auto threshold = static_cast<uint32_t>(double{rate} * 0x1p32);
  const Vec factor = splat(1.0f / (1.0f - rate));
  parallel_for(x.elements(), kElementGrain, [=](int64_t begin, int64_t end) HWY_ATTR {
    alignas(64) uint32_t words[kWords];
    const uint32_t* drawn = words;
    for (int64_t base = begin; base < end; base += kWords) {
      draw(base / 4, key, words);
      for_vectors(base, std::min(end, base + kWords), [=](int64_t i, auto part) HWY_ATTR {
        const auto kept = hn::Not(hn::Lt(hn::LoadU(Words(), drawn + (i - base)), hn::Set(Words(), threshold)));
        store(hn::IfThenElseZero(hn::RebindMask(kFloats, kept), hn::Mul(factor, load(from + i, part))), to + i, part);
      });
    }
  });
}

void dropout_kernel(T x, float rate, DropoutKey key, T y) {
  with_activation_dtype(x.dtype(), [&](auto element) HWY_ATTR { drop<decltype(element)>(x, rate, key, y); });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(dropout_kernel);

void dropout(T x, float rate, DropoutKey key, T y) { HWY_DYNAMIC_DISPATCH(dropout_kernel)(x, rate, key, y); }

}  // namespace lathe::ops::cpu
#endif
