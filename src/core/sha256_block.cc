// Intel's SHA extensions (x86): two rounds an instruction, on the state as two vectors (a b e f) and (c d g h).
#include "core/sha256_block.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace lathe::internal {

#if defined(__x86_64__)

#define LATHE_SHA __attribute__((target("sha,sse4.1,ssse3")))

namespace {

// Four rounds with the words w.
LATHE_SHA inline void four_rounds(__m128i& abef, __m128i& cdgh, __m128i w, const uint32_t* constants) {
  const __m128i sum = _mm_add_epi32(w, _mm_loadu_si128(reinterpret_cast<const __m128i*>(constants)));
  cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
  abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
}

// The four words that follow sixteen: a the oldest, d the newest.
LATHE_SHA inline __m128i next_words(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m128i older = _mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4));
  return _mm_sha256msg2_epu32(older, d);
}

LATHE_SHA inline __m128i big_endian_words(const uint8_t* data) {
  const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data)), order);
}

}  // namespace

bool has_sha_instructions() {
  static const bool present = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & (1u << 19)) == 0 || (c & (1u << 9)) == 0) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29)) != 0;
  }();
  return present;
}

LATHE_SHA void sha256_blocks(std::array<uint32_t, 8>& state, const uint8_t* data, size_t blocks) {
  const auto word = [&](size_t i) { return static_cast<int>(state[i]); };
  __m128i abef = _mm_set_epi32(word(0), word(1), word(4), word(5));
  __m128i cdgh = _mm_set_epi32(word(2), word(3), word(6), word(7));
  for (; blocks > 0; --blocks, data += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w0 = big_endian_words(data), w1 = big_endian_words(data + 16), w2 = big_endian_words(data + 32),
            w3 = big_endian_words(data + 48);
    for (size_t round = 0; round < 64; round += 16) {
      if (round > 0) {
        w0 = next_words(w0, w1, w2, w3);
        w1 = next_words(w1, w2, w3, w0);
        w2 = next_words(w2, w3, w0, w1);
        w3 = next_words(w3, w0, w1, w2);
      }
      const uint32_t* constants = kSha256Rounds.data() + round;
      four_rounds(abef, cdgh, w0, constants);
      four_rounds(abef, cdgh, w1, constants + 4);
      four_rounds(abef, cdgh, w2, constants + 8);
      four_rounds(abef, cdgh, w3, constants + 12);
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  alignas(16) uint32_t front[4], back[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(front), abef);
  _mm_store_si128(reinterpret_cast<__m128i*>(back), cdgh);
  state = {front[3], front[2], back[3], back[2], front[1], front[0], back[1], back[0]};
}

#else

bool has_sha_instructions() { return false; }
void sha256_blocks(std::array<uint32_t, 8>&, const uint8_t*, size_t) {}

#endif

}  // namespace lathe::internal
