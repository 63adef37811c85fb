// Learning byte-pair merges from weighted distinct pieces (Gage 1994; Sennrich et al. 2016; rows C-2.7, C-2.8).
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/result.h"
#include "tokenizer/weighted_pieces.h"

namespace lathe::tokenizer {

using Merge = std::pair<int32_t, int32_t>;  // ids of the two tokens joined; merge i makes id 256 + i

// Which of two equally frequent pairs is joined first.
enum class Ties {
  kSmallerIds,    // the smaller first, then second id
  kGreaterBytes,  // the greater first, then second token, compared as bytes
};

struct MergeRules {
  int64_t min_count = 1;  // a pair seen less often is not joined
  Ties ties = Ties::kSmallerIds;
  std::array<uint8_t, 256> bytes = byte_values();  // the byte of id i: each once

  static constexpr std::array<uint8_t, 256> byte_values() {
    std::array<uint8_t, 256> bytes{};
    for (size_t i = 0; i < 256; ++i) bytes[i] = static_cast<uint8_t>(i);
    return bytes;
  }
};

// The first `count` merges over `pieces`, which are given up. Each step joins the adjacent pair with the highest 64-bit
// weighted count (overlapping windows counted), from left to right without overlap. Ends early when no pair is frequent
// enough. One thread. Time: linear in the occurrences that are merged, and a walk over the pieces each time the count has
// fallen to a sixteenth. Memory: 8 bytes a byte of distinct pieces, at most 4 more for lists of places, and 40 a distinct
// pair. Error when pieces and the borders between them exceed 2^30 bytes.
Result<std::vector<Merge>> learn_merges(WeightedPieces pieces, int64_t count, const MergeRules& rules = {});

// The vocabulary that merges make, by id: the bytes, then merge i as id 256 + i.
std::vector<std::string> tokens_of_merges(const std::vector<Merge>& merges, const MergeRules& rules = {});

}  // namespace lathe::tokenizer
