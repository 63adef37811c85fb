#include "core/sha256_blocks.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

namespace lathe::internal {
namespace {

// Four rounds for each of 16 groups of message words; the words of group g + 1 from the four groups before it.
__attribute__((target("sha,sse4.1,ssse3"))) void by_instructions(Sha256State& state, const uint8_t* data, size_t blocks) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(state.data())), 0xB1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(state.data() + 4)), 0x1B);
  __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);
  for (; blocks > 0; --blocks, data += 64) {
    const __m128i former_abef = abef, former_cdgh = cdgh;
    __m128i words[4];
    for (int i = 0; i < 4; ++i) words[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data + 16 * i)), swap);
#pragma GCC unroll 16
    for (int g = 0; g < 16; ++g) {
      const __m128i now = words[g % 4];
      const __m128i sum = _mm_add_epi32(now, _mm_loadu_si128(reinterpret_cast<const __m128i*>(kSha256Round.data() + 4 * g)));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
      if (g < 3 || g == 15) continue;
      __m128i& oldest = words[(g + 1) % 4];
      const __m128i part = _mm_add_epi32(_mm_sha256msg1_epu32(oldest, words[(g + 2) % 4]), _mm_alignr_epi8(now, words[(g + 3) % 4], 4));
      oldest = _mm_sha256msg2_epu32(part, now);
    }
    abef = _mm_add_epi32(abef, former_abef);
    cdgh = _mm_add_epi32(cdgh, former_cdgh);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state.data()), _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state.data() + 4), _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace

Sha256Blocks sha256_blocks_by_instructions() {
  static const bool present = [] {
    constexpr unsigned kSha = 1u << 29;  // leaf 7, EBX
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & kSha) != 0;
  }();
  return present ? by_instructions : nullptr;
}

}  // namespace lathe::internal
#else
namespace lathe::internal {
Sha256Blocks sha256_blocks_by_instructions() { return nullptr; }
}  // namespace lathe::internal
#endif
