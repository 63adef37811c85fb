// Learning byte-pair merges from weighted distinct pieces (Gage 1994; Sennrich et al. 2016; rows C-2.7, C-2.8).
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/result.h"
#include "tokenizer/bytes_map.h"

namespace lathe::tokenizer {

using Merge = std::pair<int32_t, int32_t>;  // ids of the two tokens joined; merge i makes id 256 + i

// The first `count` merges over `pieces`, piece i occurring weights[i] times; ids 0..255 are the bytes. Each step joins
// the adjacent pair with the highest 64-bit weighted count (overlapping windows counted), ties going to the smaller
// first and then second id, from left to right without overlap. Ends early when no pair occurs min_count (>= 1) times.
// Time: linear in the occurrences that are merged. Error when the distinct pieces exceed 2^32 - 2 bytes.
Result<std::vector<Merge>> learn_merges(const BytesMap& pieces, std::span<const int64_t> weights, int64_t count,
                                        int64_t min_count = 1);

}  // namespace lathe::tokenizer
