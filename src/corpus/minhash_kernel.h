// The inner loop of MinHash, compiled once per instruction set; integers, so every one gives the same bits.
#pragma once

#include <cstdint>

namespace lathe::corpus {

inline constexpr int64_t kPermutationStep = 64;  // permutations are done in groups of this many

// signature[i] = min(signature[i], multipliers[i] * low(h) + high(h) mod 2^32) over the `count` hashes h.
// permutations: a multiple of kPermutationStep.
void minhash_update(const uint64_t* hashes, int64_t count, const uint32_t* multipliers, int64_t permutations,
                    uint32_t* signature);

}  // namespace lathe::corpus
