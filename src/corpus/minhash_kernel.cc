// A group of four vectors of minima and four of multipliers stays in registers while all hashes of a batch pass.
#include "corpus/minhash_kernel.h"

#include "core/instruction_sets.h"

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "corpus/minhash_kernel.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lathe::corpus::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

void update_kernel(const uint64_t* hashes, int64_t count, const uint32_t* multipliers, int64_t permutations,
                   uint32_t* signature) {
  const hn::CappedTag<uint32_t, 16> words;  // 4 vectors are at most kPermutationStep lanes
  const auto lanes = static_cast<int64_t>(hn::Lanes(words));
  for (int64_t at = 0; at < permutations; at += 4 * lanes) {
    uint32_t* out = signature + at;
    const uint32_t* factors = multipliers + at;
    auto m0 = hn::LoadU(words, out), m1 = hn::LoadU(words, out + lanes);
    auto m2 = hn::LoadU(words, out + 2 * lanes), m3 = hn::LoadU(words, out + 3 * lanes);
    const auto a0 = hn::LoadU(words, factors), a1 = hn::LoadU(words, factors + lanes);
    const auto a2 = hn::LoadU(words, factors + 2 * lanes), a3 = hn::LoadU(words, factors + 3 * lanes);
    for (int64_t i = 0; i < count; ++i) {
      const auto low = hn::Set(words, static_cast<uint32_t>(hashes[i]));
      const auto high = hn::Set(words, static_cast<uint32_t>(hashes[i] >> 32));
      m0 = hn::Min(m0, hn::Add(hn::Mul(a0, low), high));
      m1 = hn::Min(m1, hn::Add(hn::Mul(a1, low), high));
      m2 = hn::Min(m2, hn::Add(hn::Mul(a2, low), high));
      m3 = hn::Min(m3, hn::Add(hn::Mul(a3, low), high));
    }
    hn::StoreU(m0, words, out);
    hn::StoreU(m1, words, out + lanes);
    hn::StoreU(m2, words, out + 2 * lanes);
    hn::StoreU(m3, words, out + 3 * lanes);
  }
}

}  // namespace
}  // namespace lathe::corpus::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::corpus {

HWY_EXPORT(update_kernel);

void minhash_update(const uint64_t* hashes, int64_t count, const uint32_t* multipliers, int64_t permutations,
                    uint32_t* signature) {
  [[maybe_unused]] static const bool limited = limit_instruction_sets();
  HWY_DYNAMIC_DISPATCH(update_kernel)(hashes, count, multipliers, permutations, signature);
}

}  // namespace lathe::corpus
#endif
